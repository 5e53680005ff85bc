"""MLPerf LoadGen, SingleStream, on one ONNX file: ``python cross_check_loadgen.py model.onnx PROCESSOR SECONDS``.

Runs in an environment of its own, without dna-deploy. LoadGen issues a query when the last is answered and takes the time
between; the system under test is an ONNX Runtime session of one thread with bound buffers. Prints LoadGen's p50 in seconds, and
that of the session's runs alone: what lies between is the way of a query from LoadGen into Python and back.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import mlperf_loadgen as lg
import numpy as np
import onnxruntime as ort


def bound_session(model: str) -> tuple[ort.InferenceSession, ort.IOBinding]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for value in session.get_inputs():
        image = np.random.default_rng(0).standard_normal(value.shape, dtype=np.float32)
        binding.bind_ortvalue_input(value.name, ort.OrtValue.ortvalue_from_numpy(image))
    for value in session.get_outputs():
        binding.bind_ortvalue_output(value.name, ort.OrtValue.ortvalue_from_numpy(np.zeros(value.shape, np.float32)))
    return session, binding


def main() -> None:
    model, processor, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    session, binding = bound_session(model)
    pinned, runs = [], []

    def issue(queries: list[lg.QuerySample]) -> None:
        if not pinned:  # this thread alone: LoadGen's own threads, which write its log, stay where they are
            os.sched_setaffinity(0, {processor})
            pinned.append(processor)
        for query in queries:
            begin = time.perf_counter_ns()
            session.run_with_iobinding(binding)
            runs.append(time.perf_counter_ns() - begin)
            lg.QuerySamplesComplete([lg.QuerySampleResponse(query.id, 0, 0)])

    settings = lg.TestSettings()
    settings.scenario, settings.mode = lg.TestScenario.SingleStream, lg.TestMode.PerformanceOnly
    settings.min_duration_ms, settings.min_query_count = round(1000 * seconds), 100
    with tempfile.TemporaryDirectory() as folder:
        log = lg.LogSettings()
        output = lg.LogOutputSettings()
        output.outdir, output.copy_summary_to_stdout = folder, False
        log.log_output, log.enable_trace = output, False
        system = lg.ConstructSUT(issue, lambda: None)
        images = lg.ConstructQSL(1, 1, lambda _: None, lambda _: None)
        lg.StartTestWithLogSettings(system, images, settings, log)
        lg.DestroyQSL(images)
        lg.DestroySUT(system)
        summary = (Path(folder) / "mlperf_log_summary.txt").read_text()
    found = re.search(r"50\.00 percentile latency \(ns\)\s*: (\d+)", summary)
    assert found, summary
    print(int(found[1]) * 1e-9, statistics.median(runs) * 1e-9)


if __name__ == "__main__":
    main()
