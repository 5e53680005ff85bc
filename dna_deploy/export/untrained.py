"""The file that a target runs, of a network that is not trained: latency does not depend on weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dna_deploy.export.formats.catalog import FORMAT_OF, Conversion, find_format
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.target import Target

_NOISE_BATCHES = 16


def export_untrained(space: HeadedSpace, architecture: Architecture, target: Target, folder: Path) -> Path:
    """Writes the network with random weights, in the batch and the precision of a target."""
    result = export_architecture(space, architecture, None, folder, batch=target.batch)
    if target.precision not in FORMAT_OF:
        return result.path
    kind, shape = find_format(FORMAT_OF[target.precision]), space.input
    noise = np.random.default_rng(0).standard_normal(
        (_NOISE_BATCHES * target.batch, shape.channels, shape.height, shape.width), dtype=np.float32
    )
    path = result.path.with_suffix(kind.suffix)
    info = result.info.model_copy(update={"precision": kind.precision})
    kind.convert(Conversion(result.path, info, noise), path)
    return path
