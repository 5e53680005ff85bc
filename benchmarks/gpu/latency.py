"""A latency table on the GPU, how well it predicts networks that it has not seen, and the exact search with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tabulate import tabulate

from benchmarks.gpu.__main__ import Check
from benchmarks.search.instances import rating_table
from dna_deploy.errors import InfeasibleError
from dna_deploy.export.kits.kit import KitPlan, make_kit
from dna_deploy.latency.capabilities import capabilities
from dna_deploy.records.files import write_atomically
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.units import Duration

RUNTIMES = ("tensorrt_rtx", "tensorrt")
"""The first that is here is profiled; else ONNX Runtime's CUDA provider."""

TARGET = "gpu"


def run(check: Check) -> str:
    """The table's grade and fidelity, then what is found for five budgets, and in what time it is proven."""
    work, space = check.folder("latency"), space_of(check)
    target = "cpu-1thread" if check.is_dry else write_target(work)
    size = ("--rounds", "3", "--validate", "3") if check.is_dry else ("--budget", "110s", "--validate", "20")
    what = (str(small_kit(space, work)),) if check.is_dry else ("--space", space)
    arguments = ["profile", *what, *size, "--target", target, "--accept-noise", "--json"]
    ran = subprocess.run([sys.executable, "-m", "dna_deploy.cli.app", *arguments], cwd=work, stdout=subprocess.PIPE, check=True)
    profiled = json.loads(ran.stdout)
    judged = profiled["validation"]
    rows = [
        (name, f"{fidelity['mean_absolute_error']:.1%}", f"{fidelity['worst_error']:+.1%}", f"{fidelity['kendall_tau']:.3f}")
        for name, fidelity in judged.items()
        if isinstance(fidelity, dict)
    ]
    about = f"{space}: {profiled['rows']} rows, grade {profiled['grade']}, {profiled['rounds']} rounds"
    fidelity_table = tabulate(rows, ("prediction", "mean error", "worst", "tau"), "github", disable_numparse=True)
    return f"{about}\n{fidelity_table}\n\n{searched(space, work / profiled['table'])}"


def space_of(check: Check) -> str:
    return "fashion" if check.is_dry else "mbconv"


def small_kit(name: str, work: Path) -> Path:
    """A probe kit with few whole networks."""
    path = work / f"{name}.kit"
    if not path.exists():
        make_kit(find_chain(name).with_head(), KitPlan(calibration_networks=3, validation_networks=3)).write(path)
    return path


def write_target(work: Path) -> str:
    """A target of the best runtime that this GPU has."""
    there = {capability.runtime: capability for capability in capabilities() if capability.providers}
    runtime = next((name for name in RUNTIMES if name in there), "onnxruntime")
    provider = "cuda:0" if runtime in RUNTIMES else "CUDAExecutionProvider"
    builds = '[provider_options]\nbuilds = "1"\n\n' if runtime in RUNTIMES else ""  # of some 160 models, in a minute or two
    text = f'runtime = "{runtime}"\nprovider = "{provider}"\n\n{builds}[sampling]\nwarmup_s = 0.05\n'
    write_atomically(work / "profiles" / TARGET / "target.toml", text.encode())
    return TARGET


def searched(name: str, path: Path) -> str:
    space, table = find_chain(name).with_head(), LatencyTable.read(path)
    ratings = rating_table(space, 0)
    points = search(space, ratings, [table]).front.points
    fastest, slowest = points[0].costs[0], points[-1].costs[0]
    rows = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        budget, began = fastest + share * (slowest - fastest), time.perf_counter()
        try:
            outcome = search(space, ratings, [table], [Constraint(Latency(), at_most=budget)])
        except InfeasibleError as error:
            rows.append((Duration(budget), "none", error.message, ""))
            continue
        took = time.perf_counter() - began
        rows.append((Duration(budget), outcome.best.architecture, outcome.proof.method, f"{took:.2f}"))
    return f"{space.size():,} networks, ratings made up\n" + tabulate(rows, ("budget", "best", "proof", "s"), "github")
