"""Who says what an exported file computes: a judge maps images to scores, and none of them is written here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin

Array: TypeAlias = npt.NDArray[np.float32]
Judge: TypeAlias = Callable[[Array], Array]
"""Images ``(images, channels, height, width)`` to scores ``(images, classes)``."""


class Images(Protocol):
    """An array, a tensor, or anything that is sliced like one."""

    def __len__(self) -> int: ...
    def __getitem__(self, which: slice, /) -> Any: ...


JUDGES = {
    "onnxruntime": "dna_deploy.export.runtimes.onnx_runtime:judge",
    "openvino": "dna_deploy.export.runtimes.openvino:judge",
    "onnx-reference": "dna_deploy.export.runtimes.onnx_reference:judge",
    "polygraphy": "dna_deploy.export.runtimes.polygraphy:judge",
}
"""Name -> function from a model's path to a `Judge`. Others: entry points ``dna_deploy.judges``."""

ONNX_JUDGES = ("onnxruntime", "openvino", "onnx-reference")
"""Who runs a plain ONNX file."""

PACKAGES = {"onnx-reference": "onnx"}
"""The package behind a judge that is called otherwise."""


def open_judge(name: str, path: Path) -> Judge:
    """The judge called ``name`` with a model loaded.

    Raises:
        DependencyError: its package is not installed.
        UsageError: it cannot run the model.
    """
    judge: Judge = load_plugin("judge", name, JUDGES)(path)
    return judge


def in_batches(scores: Judge, batch: int | None) -> Judge:
    """Feeds a model that takes ``batch`` images at once (None: any number), whatever number comes."""
    if batch is None:
        return scores

    def fed(images: Array) -> Array:
        padding = -len(images) % batch
        filled = np.concatenate([images, np.zeros((padding, *images.shape[1:]), images.dtype)]) if padding else images
        if not len(filled):
            raise UsageError("there are no images to judge by")
        parts = [scores(filled[start : start + batch]) for start in range(0, len(filled), batch)]
        return np.concatenate(parts)[: len(images)]

    return fed
