"""Whether others measure the same: `dna-deploy verify`'s own measuring beside MLPerf LoadGen, OpenVINO's benchmark_app and
ONNX Runtime's test tool, on the same files, each with one thread on the same processor.

    benchmarks/cross_check_setup.sh && python benchmarks/cross_check.py > benchmarks/results/cross_check.txt

Other tools cannot leave out what neighbours slow down. So each of their turns is between two of ours, and counts where those
two agree: then the machine kept its pace meanwhile. Shown is the median ratio of the turns that count. Two networks: one of
`fashion`, and EfficientNet-B0, which is in `mbconv`; untrained, since latency does not depend on weights.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from dna_deploy.export.model_file import export_architecture
from dna_deploy.export.verification import Promise, verify_model
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration

HERE = Path(__file__).parent
NETWORKS = {
    "fashion": "24:k5e6,k3e3/40:k7e6,k5e3/80:k7e6,k5e3",
    "mbconv": PUBLISHED["efficientnet-b0"],
}
WANTED, MOST = 5, 15
"""Turns that count, and turns at the most."""

SECONDS = 2.0
AGREEMENT = 0.03
"""Of our two measurements around a turn."""

PROCESSOR = max(os.sched_getaffinity(0))
ONNX_RUNTIME = Target(name="cross-check", threads=1, pin=(PROCESSOR,))
OPENVINO = ONNX_RUNTIME.model_copy(update={"runtime": "openvino", "provider": "CPU"})

Tool = Callable[[Path], float]
"""Seconds of one inference of a file."""


def verified(target: Target) -> Tool:
    def measure(model: Path) -> float:
        return verify_model(model, target, SamplingPlan(least_s=2.0), Promise()).latency.seconds

    return measure


def loadgen(number: int) -> Tool:
    """What LoadGen says (0), or what the runs of its session take without the way to them (1)."""
    script = (str(HERE / ".environments" / "loadgen" / "bin" / "python"), str(HERE / "cross_check_loadgen.py"))

    def measure(model: Path) -> float:
        return float(said([*script, str(model), str(PROCESSOR), str(SECONDS)]).split()[number])

    return measure


def benchmark_app(model: Path) -> float:
    program = shutil.which("benchmark_app", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program is not None
    options = f"-d CPU -hint none -api sync -nstreams 1 -nthreads 1 -pin NO -infer_precision f32 -t {SECONDS:.0f}"
    text = said(["taskset", "-c", str(PROCESSOR), program, "-m", str(model), *options.split()])
    found = re.search(r"Median:\s+([\d.]+) (us|ms)", text)
    assert found, text
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3}[found[2]]


def onnxruntime_test(model: Path) -> float:
    """Takes the mean, the first run among the others, through arrays that are copied in and out."""
    runs = max(20, round(SECONDS / verified(ONNX_RUNTIME)(model)))
    command = ["taskset", "-c", str(PROCESSOR), sys.executable, "-c", ONE_THREAD, str(model), str(runs)]
    found = re.search(r"avg latency: ([\d.]+) ms", said(command))
    assert found
    return float(found[1]) * 1e-3


ONE_THREAD = """
import onnxruntime
from onnxruntime.tools import onnxruntime_test
make, options = onnxruntime.InferenceSession, onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
onnxruntime.InferenceSession = lambda model, sess_options, **rest: make(model, options, **rest)
onnxruntime_test.main()
"""
"""The tool has no option for threads, and takes as many as there are processors."""


def said(command: list[str]) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


OURS: dict[str, Tool] = {"ONNX Runtime": verified(ONNX_RUNTIME), "OpenVINO": verified(OPENVINO)}
OTHERS: tuple[tuple[str, str, Tool], ...] = (
    ("ONNX Runtime", "MLPerf LoadGen, SingleStream", loadgen(0)),
    ("ONNX Runtime", "MLPerf LoadGen, its runs alone", loadgen(1)),
    ("ONNX Runtime", "onnxruntime.tools.onnxruntime_test (mean)", onnxruntime_test),
    ("OpenVINO", "benchmark_app", benchmark_app),
)
"""Runtime, name, tool."""


def compare(name: str, model: Path, runtime: str, tool: str, theirs: Tool, most: int) -> tuple[object, ...]:
    """A line of the table."""
    counting, turns, before = list[tuple[float, float]](), 0, OURS[runtime](model)
    while len(counting) < WANTED and turns < most:
        turns += 1
        found, after = theirs(model), OURS[runtime](model)
        if abs(after / before - 1) <= AGREEMENT:
            counting.append(((before + after) / 2, found))
        before = after
    if not counting:
        return (name, runtime, tool, "-", "-", f"0 of {turns}", "the machine never kept its pace", "-")
    ratios = sorted(found / ours - 1 for ours, found in counting)
    ours, found = (Duration(statistics.median(side)) for side in zip(*counting, strict=True))
    spread = f"{ratios[0]:+.1%} to {ratios[-1]:+.1%}"
    return (name, runtime, tool, ours, found, f"{len(counting)} of {turns}", f"{statistics.median(ratios):+.1%}", spread)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only lines with this text, such as 'fashion ONNX Runtime MLPerf'")
    parser.add_argument("--most", type=int, default=MOST, help="turns")
    asked = parser.parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("onnxruntime", "openvino"))
    print(f"{versions}; processor {PROCESSOR} of {os.cpu_count()}, load {os.getloadavg()[0]:.1f} at the start\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, line in NETWORKS.items():
            space = find_space(name)
            exported = export_architecture(space, space.parse(line), None, Path(folder) / name)
            chosen = [other for other in OTHERS if asked.only in " ".join((name, *other[:2]))]
            rows += [compare(name, exported.path, *other, asked.most) for other in chosen]
    headers = ("network", "runtime", "measured by", "p50 of ours", "its p50", "turns that count", "against ours", "from, to")
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print(
        "\nONNX Runtime's onnxruntime_perf_test is a C++ program that no package of PyPI or Debian 12 ships, so it is missing;"
    )
    print(
        "the test tool that its Python package does ship tells means only, and was given sessions of one thread from outside."
    )


if __name__ == "__main__":
    main()
