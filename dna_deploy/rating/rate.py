"""Rates a whole space against a teacher: trains the block supernets, rates every candidate, writes one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from dna_deploy.data.batches import in_order
from dna_deploy.data.randomness import derived_seed
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.processes import run_all_blocks
from dna_deploy.rating.raters.dna.block_rating import BatchRatings
from dna_deploy.rating.raters.dna.stitched import LEAST_KNOWN, share_told
from dna_deploy.rating.run import SET, write_run
from dna_deploy.rating.work import BlockWork
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.spaces.space import SearchSpace

METHOD = "dna"

ASKED = 256
"""Images on which a teacher is asked whether it knows anything."""


def rate_space(
    space: SearchSpace,
    teacher: Teacher,
    data: ImageData,
    config: RatingConfig,
    folder: Path,
    *,
    supernets: int = 1,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> RatingTable:
    """The rating of every candidate of every block, the mean over so many sets of ``supernets``, each with a seed of its own.
    ``folder`` keeps them; the same folder resumes.

    Raises:
        UsageError: the teacher's features do not fit the space, or the folder belongs to other inputs.
        DivergedError: the loss of a block is no longer a number.
    """
    work, found = block_work(space, teacher, data, config, folder, compute), list[dict[int, BatchRatings]]()
    _say_if_nothing_is_told(work, on_progress)
    for number, one in enumerate(sets_of(work, supernets), 1):
        write_run(one)
        found.append(run_all_blocks(one, _of_set(on_progress, number, supernets)))
    rated = max(len(ratings.rows) for of in found for ratings in of.values())
    return RatingTable(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        method=METHOD,
        teacher=work.teacher_label,
        dataset=work.data_label,
        images=min(len(data.rating), config.rating_batch * rated),
        blocks=tuple(block_ratings(space, index, [of[index] for of in found]) for index in space.block_numbers),
    )


def _say_if_nothing_is_told(work: BlockWork, on_progress: OnProgress) -> None:
    """A teacher whose weights were not found, or that was never trained, is known by what it believes."""
    few = replace(work.data.rating, indices=work.data.rating.indices[:ASKED])
    with work.compute.limited_threads():
        batches = in_order(few, work.data, work.config.rating_batch, work.compute.device)
        work.teacher.network.to(work.compute.device)
        told = share_told(torch.cat([work.teacher.scores(batch.inputs).float().cpu() for batch in batches]))
    if told < LEAST_KNOWN:
        what = f"teacher {work.teacher.name} tells {told:.1%} of what an answer can tell: was it trained for such images?"
        on_progress(Progress("supernets", 0, 1, notice=what))


def sets_of(work: BlockWork, count: int) -> tuple[BlockWork, ...]:
    """The work itself, and further sets of supernets, each with a seed and a folder of its own inside that of the work."""
    return (work, *(_further(work, number) for number in range(2, count + 1)))


def _further(work: BlockWork, number: int) -> BlockWork:
    config = work.config.model_copy(update={"seed": derived_seed(work.config.seed, "supernets", number)})
    identity = rating_identity(work.space, work.teacher, work.data, config, work.compute)
    return replace(work, config=config, folder=work.folder / f"{SET}{number}", identity=identity)


def _of_set(on_progress: OnProgress, number: int, count: int) -> OnProgress:
    """Progress that says which set it is of, where there are several."""
    if count == 1:
        return on_progress
    return lambda progress: on_progress(replace(progress, step=f"{progress.step}, set {number} of {count}"))


def block_work(
    space: SearchSpace,
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
    compute = compute or Compute()
    teacher.check_fits(space)
    config.check_blocks(len(space.block_numbers))
    identity = rating_identity(space, teacher, data, config, compute)
    return BlockWork(space, teacher, data, config, folder, identity, compute)


def rating_identity(
    space: SearchSpace, teacher: Teacher, data: ImageData, config: RatingConfig, compute: Compute | None = None
) -> str:
    """Names everything that the ratings depend on."""
    parts = [METHOD, space.digest, teacher.digest, data.digest, config.model_dump_json()]
    if compute is not None and compute.rounding:
        parts.append(compute.rounding)
    return digest_of(" ".join(parts).encode())


def block_ratings(space: SearchSpace, index: int, found: Sequence[BatchRatings]) -> BlockRatings:
    """The ratings of the candidates of block ``index`` as a table holds them: means over sets of supernets.

    Standard errors are those over images, which all sets share, together with those over sets where there are several.
    """
    every = torch.stack([of.means for of in found])
    over_images = torch.stack([of.standard_errors for of in found]).mean(0)
    over_sets = every.std(0) / len(found) ** 0.5 if len(found) > 1 else torch.zeros_like(over_images)
    means, errors = every.mean(0).tolist(), torch.hypot(over_images, over_sets).tolist()
    return BlockRatings.of(space, index, means, errors)
