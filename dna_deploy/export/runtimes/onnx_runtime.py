"""ONNX Runtime: the scores that an ONNX file gives there, and what the file says about itself. Needs no ``onnx``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.judge import Array, Judge, in_batches


def judge(path: Path) -> Judge:
    """Runs an ONNX file on one thread of the CPU.

    Raises:
        DependencyError: ONNX Runtime is not installed.
        UsageError: ONNX Runtime cannot run the model; its own words name the operator and the node.
    """
    session = _open(path)
    (input,) = session.get_inputs()

    def scores(images: Array) -> Array:
        return np.asarray(session.run(None, {input.name: images})[0])

    return in_batches(scores, input.shape[0] if isinstance(input.shape[0], int) else None)


def read_notes(path: Path) -> dict[str, str]:
    """The text pairs that an ONNX file carries.

    Raises:
        DependencyError: ONNX Runtime is not installed.
        UsageError: ONNX Runtime cannot load the model.
    """
    return dict(_open(path).get_modelmeta().custom_metadata_map)


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise DependencyError("onnxruntime is not installed", "pip install onnxruntime") from error
    if not path.is_file():
        raise UsageError(f"there is no model {path}", "make one with: dna-deploy export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no public base class
        raise UsageError(f"ONNX Runtime cannot load {path}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
