"""A teacher by name: one trained here, or one from a file."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.teacher import Teacher, load_teacher
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
    elif Path(name).exists():
        teacher = load_teacher(Path(name))
    else:
        raise UsageError(f"unknown teacher {name!r}", f"give a file, or {TRAINED_HERE!r}; see: dna-deploy teachers")
    teacher.check_fits(space)
    return teacher
