"""Polygraphy as a judge of TensorRT engines, where there is an NVIDIA GPU. Elsewhere it is absent, and says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dna_deploy.errors import DependencyError
from dna_deploy.export.checks.judge import Array, Judge, in_batches


def judge(path: Path) -> Judge:
    """Runs an engine on the GPU.

    Raises:
        DependencyError: Polygraphy, TensorRT or the GPU is not here.
    """
    try:
        from polygraphy.backend.common import BytesFromPath
        from polygraphy.backend.trt import EngineFromBytes, TrtRunner
    except ImportError as error:
        raise DependencyError(f"polygraphy cannot be loaded: {error}", "pip install polygraphy") from error
    try:
        runner = TrtRunner(EngineFromBytes(BytesFromPath(str(path))))
        runner.activate()
    except Exception as error:  # its own exceptions, TensorRT's, or those of the CUDA driver
        reason = " ".join(str(error).split())[:200]
        raise DependencyError(
            f"polygraphy cannot run an engine here: {reason}", "it needs TensorRT and an NVIDIA GPU"
        ) from error
    ((name, (_, shape)),) = runner.get_input_metadata().items()

    def scores(images: Array) -> Array:
        (result,) = runner.infer({name: np.ascontiguousarray(images)}).values()
        return np.asarray(result)

    return in_batches(scores, shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None)
