"""ONNX Runtime as a judge: the scores that an ONNX file gives there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.judge import Array, Judge, in_batches


def judge(path: Path) -> Judge:
    """Runs an ONNX file on one thread of the CPU.

    Raises:
        DependencyError: ONNX Runtime is not installed.
        UsageError: ONNX Runtime cannot run the model; its own words name the operator and the node.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise DependencyError("onnxruntime is not installed", "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no public base class
        raise UsageError(f"ONNX Runtime cannot load {path}: {error}") from error
    (input,) = session.get_inputs()

    def scores(images: Array) -> Array:
        return np.asarray(session.run(None, {input.name: images})[0])

    return in_batches(scores, input.shape[0] if isinstance(input.shape[0], int) else None)
