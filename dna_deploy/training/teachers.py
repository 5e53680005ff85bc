"""A teacher by name: one trained here, one from a file, or a pretrained network from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import UsageError
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.teacher import Teacher, load_teacher, pretrained_teacher
from dna_deploy.nets.teacher_sources import source_names
from dna_deploy.progress import OnProgress, silent
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.teacher import TeacherConfig, train_teacher

TRAINED_HERE = "residual"


def obtain_teacher(
    name: str,
    space: SearchSpace,
    data: ImageData,
    config: TeacherConfig,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Teacher:
    """The teacher called ``name``, trained in ``folder`` first if it is one that is trained here.

    Raises:
        UsageError: there is no such teacher, or its strides do not match the space.
    """
    if name == TRAINED_HERE:
        teacher = load_teacher(train_teacher(config, space, data, folder, on_progress=on_progress, compute=compute))
    elif ":" in name:
        teacher = pretrained_teacher(
            name,
            space,
            (data.normalisation.mean, data.normalisation.deviation),
            weights=config.weights,
            cuts=config.cuts,
            calibration=_first_images(data, config.calibration_images),
        )
    elif Path(name).exists():
        teacher = load_teacher(Path(name))
    else:
        sources = ", ".join(f"{source}:MODEL" for source in source_names())
        raise UsageError(f"unknown teacher {name!r}", f"give a file, {TRAINED_HERE!r}, or {sources}; see: dna-deploy teachers")
    teacher.check_fits(space)
    return teacher


def _first_images(data: ImageData, count: int) -> Iterator[torch.Tensor]:
    """The first training images, as they are, in batches."""
    first = Split(data.train.source, data.train.indices[:count])
    return (batch.inputs for batch in in_order(first, data, 64)) if count else iter(())
