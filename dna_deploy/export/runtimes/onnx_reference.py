"""ONNX's own reference evaluator as a judge: slow, in plain numpy, and the definition of what a model means."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dna_deploy.export.checks.judge import Array, Judge, in_batches


def judge(path: Path) -> Judge:
    """Runs an ONNX file by the definition of its operators."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    evaluator = ReferenceEvaluator(model)
    input = model.graph.input[0]
    batch = input.type.tensor_type.shape.dim[0].dim_value

    def scores(images: Array) -> Array:
        results = evaluator.run(None, {input.name: images})
        assert isinstance(results, list)
        return np.asarray(results[0])

    return in_batches(scores, batch or None)
