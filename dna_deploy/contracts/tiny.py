"""A network that takes no time, as torch module and as exported file: what contracts try parts on. Torch comes late."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dna_deploy.spaces.examples import TINY

if TYPE_CHECKING:
    from dna_deploy.export.checks.judge import Array
    from dna_deploy.export.formats.model_file import ExportResult


@contextmanager
def tiny_model(batch: int | None = 1) -> Iterator[ExportResult]:
    """The network in a folder of its own, exported for so many images at once."""
    import torch
    from safetensors.torch import save_file

    from dna_deploy.export.formats.model_file import export_architecture
    from dna_deploy.export.formats.onnx_graph import draw_shifts
    from dna_deploy.nets.network import Network

    (architecture,) = TINY.architectures()
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(TINY, architecture)
        draw_shifts(network)
        weights = Path(folder) / "weights.safetensors"
        save_file(network.state_dict(), weights)
        yield export_architecture(TINY, architecture, weights, Path(folder), mean=(0.5,), deviation=(0.25,), batch=batch)


def tiny_images(count: int = 5) -> Array:
    """Noise of the right shape."""
    shape = (count, TINY.input.channels, TINY.input.height, TINY.input.width)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def expected_scores(model: ExportResult, images: Array) -> Array:
    """What torch says."""
    import torch

    with torch.inference_mode():
        return np.asarray(model.network.eval()(torch.from_numpy(images)).numpy())


def relative_error(actual: Array, expected: Array) -> float:
    """The largest difference, relative to how much scores differ at all."""
    return float(np.abs(actual - expected).max() / np.ptp(expected))


def is_refused(attempt: Callable[[], object], kind: type[Exception]) -> bool:
    """Whether something ends with an error of a kind."""
    try:
        attempt()
    except kind:
        return True
    return False
