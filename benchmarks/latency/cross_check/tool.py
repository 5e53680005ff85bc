"""One measuring tool that is not ours, on one ONNX file: ``python tool.py TOOL model.onnx PROCESSOR RUNS``.

Loads once, then takes a turn whenever it reads a line, and answers with what the tool says of one inference, in seconds. Needs
nothing of dna-deploy, since LoadGen has an environment of its own.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

Turn = Callable[[], float]


def loadgen(model: str, processor: int, runs: int) -> Turn:
    """MLPerf LoadGen, SingleStream: p50 of the time from a query to its answer by a session with bound buffers."""
    import mlperf_loadgen as lg
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for value in session.get_inputs():
        image = np.random.default_rng(0).standard_normal(value.shape, dtype=np.float32)
        binding.bind_ortvalue_input(value.name, ort.OrtValue.ortvalue_from_numpy(image))
    for value in session.get_outputs():
        binding.bind_ortvalue_output(value.name, ort.OrtValue.ortvalue_from_numpy(np.zeros(value.shape, np.float32)))
    everywhere, pinned = os.sched_getaffinity(0), list[int]()

    def issue(queries: list[lg.QuerySample]) -> None:
        if not pinned:  # this thread alone: LoadGen's own threads, which write its log, stay where they are
            os.sched_setaffinity(0, {processor})
            pinned.append(processor)
        for query in queries:
            session.run_with_iobinding(binding)
            lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0)])

    settings = lg.TestSettings()
    settings.scenario, settings.mode = lg.TestScenario.SingleStream, lg.TestMode.PerformanceOnly
    settings.min_duration_ms, settings.min_query_count = 0, runs

    def turn() -> float:
        os.sched_setaffinity(0, everywhere)
        pinned.clear()
        with tempfile.TemporaryDirectory() as folder:
            log, output = lg.LogSettings(), lg.LogOutputSettings()
            output.outdir, output.copy_summary_to_stdout = folder, False
            log.log_output, log.enable_trace = output, False
            system = lg.ConstructSUT(issue, lambda: None)
            images = lg.ConstructQSL(1, 1, lambda _: None, lambda _: None)
            lg.StartTestWithLogSettings(system, images, settings, log)
            lg.DestroyQSL(images)
            lg.DestroySUT(system)
            summary = (Path(folder) / "mlperf_log_summary.txt").read_text()
        return number(r"50\.00 percentile latency \(ns\)\s*: (\d+)", summary) * 1e-9

    return turn


def onnxruntime_test(model: str, processor: int, runs: int) -> Turn:
    """ONNX Runtime's tool: the mean of all runs of a new session, the first among them, arrays copied in and out.

    It has no option for threads, and would take as many as there are processors.
    """
    import onnxruntime
    from onnxruntime.tools import onnxruntime_test as tool

    os.sched_setaffinity(0, {processor})
    make, options = onnxruntime.InferenceSession, onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def turn() -> float:
        with mock.patch.object(onnxruntime, "InferenceSession", lambda path, sess_options, **rest: make(path, options, **rest)):
            return number(r"avg latency: ([\d.e-]+) ms", said(tool.main, model, str(runs))) * 1e-3

    return turn


def benchmark_app(model: str, processor: int, runs: int) -> Turn:
    """OpenVINO's benchmark_app: its median."""
    from openvino.tools.benchmark.main import main
    from openvino.tools.benchmark.utils.logging import logger

    os.sched_setaffinity(0, {processor})
    options = "-d CPU -hint none -api sync -nstreams 1 -nthreads 1 -pin NO -infer_precision f32"

    def turn() -> float:
        told = io.StringIO()
        with mock.patch.object(logger, "handlers", [logging.StreamHandler(told)]):
            said(main, "-m", model, *options.split(), "-niter", str(runs))
        unit = 1e-6 if re.search(r"Median:\s+[\d.]+ us", told.getvalue()) else 1e-3
        return number(r"Median:\s+([\d.]+) [um]s", told.getvalue()) * unit

    return turn


def said(program: Callable[[], object], *arguments: str) -> str:
    """What a program prints that is called by its main function."""
    told = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["tool", *arguments]),
        contextlib.redirect_stdout(told),
        contextlib.suppress(SystemExit),
    ):
        program()
    return told.getvalue()


def number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"nothing like {pattern} in:\n{text}")
    return float(found[1])


def main() -> None:
    name, model, processor, runs = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr
    turn = {"loadgen": loadgen, "onnxruntime_test": onnxruntime_test, "benchmark_app": benchmark_app}[name](
        model, int(processor), int(runs)
    )
    for _ in sys.stdin:
        print(turn(), file=answers, flush=True)


if __name__ == "__main__":
    main()
