"""OpenVINO as a judge: the scores that an ONNX file or an OpenVINO IR gives there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.judge import Array, Judge, in_batches


def judge(path: Path) -> Judge:
    """Runs an ONNX file or an IR (``.xml``) on one thread of the CPU, in the precision of the file.

    Raises:
        DependencyError: OpenVINO is not installed.
        UsageError: OpenVINO cannot run the model.
    """
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise DependencyError("openvino is not installed", "pip install 'dna-deploy[openvino]'") from error
    # Without the hint OpenVINO computes in bfloat16 where the processor can, which is not what the file says.
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", options)
    except RuntimeError as error:
        raise UsageError(f"OpenVINO cannot load {path}: {str(error).strip()}") from error
    batch = compiled.inputs[0].partial_shape[0]

    def scores(images: Array) -> Array:
        return np.asarray(compiled(images)[0])

    return in_batches(scores, batch.get_length() if batch.is_static else None)
