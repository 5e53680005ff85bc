"""Engines of one mbconv network: how long they take to build and to run, with CUDA graphs and without, and how exact."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.gpu.__main__ import Check
from dna_deploy.errors import DnaDeployError
from dna_deploy.export.checks.judge import Array, open_judge
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.latency.runners import open_runner
from dna_deploy.latency.runners.tensorrt_runner import EngineBuilder, EngineError, load_tensorrt
from dna_deploy.records.files import write_atomically
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import largest
from dna_deploy.spaces.shapes import Shape
from dna_deploy.targets.target import Target

RUNTIMES = ("tensorrt_rtx", "tensorrt")
RUNS = 200
DIFFERENCE = 1e-2
"""Of scores, in units of their spread: TensorFloat-32 keeps ten bits."""


def run(check: Check) -> str:
    """A table a runtime; one that is not here says why."""
    space = find_chain("fashion" if check.is_dry else "mbconv").with_head()
    model = export_architecture(space, largest(space), None, check.folder("engines") / "model").path
    runtimes = ("onnxruntime", *RUNTIMES) if check.is_dry else RUNTIMES
    return "\n\n".join(of_runtime(name, model, space, check) for name in runtimes)


def of_runtime(runtime: str, model: Path, space: HeadedSpace, check: Check) -> str:
    """What an engine of the model takes with each launch."""
    launches = ("on", "off") if runtime in RUNTIMES else ("",)
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
        except (DnaDeployError, EngineError) as error:
            return f"{runtime}: absent: {error}"
        rows.append((graph or "-", *(f"{build:.1f}" for build in builds), f"{np.median(taken):.3f}", f"{taken.std():.3f}"))
    headers = ("CUDA graph", "first build, s", "second build, s", "median, ms", "deviation, ms")
    table = tabulate(rows, headers, "github", disable_numparse=True)
    return f"{runner.version}\n{table}\n{judged(runtime, model, space.input)}"


def judged(runtime: str, model: Path, input: Shape) -> str:
    """How far Polygraphy, in a process of its own, finds what runs here from ONNX Runtime; or why it says nothing."""
    images = np.random.default_rng(0).standard_normal((4, *input.sizes)).astype(np.float32)
    which = {"POLYGRAPHY_USE_TENSORRT_RTX": str(int(runtime == "tensorrt_rtx"))}  # it is read when Polygraphy is imported
    try:
        with ProcessPoolExecutor(1, get_context("spawn"), set_environment, (which,)) as pool:
            scores = pool.submit(scores_of, runtime, model, images).result()
    except (DnaDeployError, EngineError, ImportError, BrokenProcessPool) as error:
        return f"Polygraphy has not judged: {error}"
    expected = open_judge("onnxruntime", model)(images)
    difference = float(np.abs(scores - expected).max() / expected.std())
    assert difference <= DIFFERENCE, f"the engine is {difference:.2g} deviations off"
    return f"Polygraphy: at most {difference:.1e} deviations of the scores from ONNX Runtime"


def set_environment(values: dict[str, str]) -> None:
    """In the process that begins with it."""
    os.environ.update(values)


def scores_of(runtime: str, model: Path, images: Array) -> Array:
    """By Polygraphy: of the engine that is built as those that were timed, or of the model itself."""
    if runtime in RUNTIMES:
        engine = model.with_suffix(f".{runtime}.engine")
        write_atomically(engine, EngineBuilder(load_tensorrt(runtime)).build(model))
        return open_judge("polygraphy", engine)(images)
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.ERROR
    with OnnxrtRunner(SessionFromOnnx(str(model))) as runner:
        (name,) = runner.get_input_metadata()
        return np.concatenate([next(iter(runner.infer({name: image[None]}).values())) for image in images])
