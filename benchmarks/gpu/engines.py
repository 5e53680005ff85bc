"""Engines of one mbconv network: how long they take to build and to run, with CUDA graphs and without, and how exact."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.gpu.__main__ import Check
from dna_deploy.errors import DnaDeployError
from dna_deploy.export.checks.judge import open_judge
from dna_deploy.export.checks.verification import notes_of
from dna_deploy.export.formats.catalog import Conversion
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.latency.runners import open_runner
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.scaling import largest
from dna_deploy.targets.target import Target

RUNS = 200
DIFFERENCE = 1e-2
"""Of scores, in units of their spread: TensorFloat-32 keeps ten bits."""


def run(check: Check) -> str:
    """A table a runtime; one that is not here says why."""
    space = find_chain("fashion" if check.is_dry else "mbconv").with_head()
    model = export_architecture(space, largest(space), None, check.folder("engines") / "model").path
    runtimes = ("onnxruntime", "tensorrt_rtx", "tensorrt") if check.is_dry else ("tensorrt_rtx", "tensorrt")
    return "\n\n".join(of_runtime(name, model, check) for name in runtimes)


def of_runtime(runtime: str, model: Path, check: Check) -> str:
    """What an engine of the model takes with each launch."""
    launches = ("on", "off") if runtime.startswith("tensorrt") else ("",)
    rows = []
    for graph in launches:
        options = {"cuda_graph": graph, "builds": "1"} if graph else {}
        try:
            runner = open_runner(Target(name="gpu", runtime=runtime, provider_options=options))
            builds = []
            for _ in range(2):  # the second one has the timing cache of the first, where the runtime has one
                began = time.perf_counter()
                session = runner.load(model)
                builds.append(time.perf_counter() - began)
            session.time_runs(20)
            taken = np.array(session.time_runs(20 if check.is_dry else RUNS)) / 1e6
        except DnaDeployError as error:
            return f"{runtime}: absent: {error.message}"
        rows.append((graph or "-", *(f"{build:.1f}" for build in builds), f"{np.median(taken):.3f}", f"{taken.std():.3f}"))
    headers = ("CUDA graph", "first build, s", "second build, s", "median, ms", "deviation, ms")
    table = tabulate(rows, headers, "github", disable_numparse=True)
    return f"{runner.version}\n{table}\n{judged(runtime, model)}"


def judged(runtime: str, model: Path) -> str:
    """How far Polygraphy finds the engine from ONNX Runtime."""
    if runtime != "tensorrt":
        return "Polygraphy judges engines of tensorrt alone"
    from dna_deploy.export.runtimes.tensorrt import convert

    engine, notes = model.with_suffix(".engine"), notes_of(model)
    assert notes is not None
    try:
        convert("tensorrt", Conversion(model, notes, None), engine)
        space = find_chain("mbconv")
        images = np.random.default_rng(0).standard_normal((4, *space.input.sizes)).astype(np.float32)
        expected, scores = open_judge("onnxruntime", model)(images), open_judge("polygraphy", engine)(images)
    except DnaDeployError as error:
        return f"not judged: {error.message}"
    difference = float(np.abs(scores - expected).max() / expected.std())
    assert difference <= DIFFERENCE, f"the engine is {difference:.2g} deviations off"
    return f"Polygraphy: at most {difference:.1e} deviations of the scores from ONNX Runtime"
