"""A rating by blocks that imitate a teacher: its inputs, and further sets of its supernets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dna_deploy.data.randomness import derived_seed
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import TableError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.work import FILE_NAME, RatingWork
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.spaces.chain import ChainSpace

METHOD = "dna"
SET = "set-"
"""What folders of further sets of supernets begin with."""

BlockWork = RatingWork[RatingConfig, Teacher]


def block_work(
    space: ChainSpace,
    teacher: Teacher,
    data: ImageData,
    config: RatingConfig,
    folder: Path,
    compute: Compute | None = None,
) -> BlockWork:
    """The inputs of a rating, checked against each other.

    Raises:
        UsageError: the teacher's features do not fit the space, or there are learning rates for another number of blocks.
    """
    work = BlockWork.of(METHOD, space, teacher, data, config, folder, compute)
    check_fits(work)
    return work


def check_fits(work: BlockWork) -> None:
    """Raises `UsageError` unless every block has a teacher's features and a learning rate."""
    work.teacher.check_fits(work.space)
    work.config.check_blocks(len(work.space.block_numbers))


def sets_of(work: BlockWork, count: int) -> tuple[BlockWork, ...]:
    """The work itself, and further sets of supernets, each with a seed and a folder of its own inside that of the work."""
    return (work, *(_further(work, number) for number in range(2, count + 1)))


def _further(work: BlockWork, number: int) -> BlockWork:
    config = work.config.model_copy(update={"seed": derived_seed(work.config.seed, "supernets", number)})
    folder = work.folder / f"{SET}{number}"
    return BlockWork.of(work.method, work.space, work.teacher, work.data, config, folder, work.compute)


def sets_in(work: BlockWork) -> tuple[BlockWork, ...]:
    """The work itself, and the further sets of supernets that lie in its folder.

    Raises:
        TableError: a further set is of another teacher or of other images.
    """
    works = [work]
    for path in sorted(work.folder.glob(f"{SET}*/{FILE_NAME}")):
        run = RatingRun.read(path)
        if run.teacher is None or (run.teacher.digest, run.data_digest) != (work.teacher.digest, work.data.digest):
            raise TableError(
                f"{path.parent} holds supernets of another teacher, or of other images", "remove it, or rate again"
            )
        config = RatingConfig.model_validate(run.config)
        works.append(replace(work, config=config, folder=path.parent, identity=run.identity))
    return tuple(works)
