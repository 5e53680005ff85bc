"""Rates a whole space against a teacher: trains the block supernets, rates every candidate, writes one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.block_rating import BatchRatings
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.spreading import run_blocks, spread_sets
from dna_deploy.rating.raters.dna.stitched import LEAST_KNOWN, share_told
from dna_deploy.rating.raters.dna.work import BlockWork, block_work, sets_of
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.spaces.chain import ChainSpace

ASKED = 256
"""Images on which a teacher is asked whether it knows anything."""


def rate_space(
    space: ChainSpace,
    teacher: Teacher,
    data: ImageData,
    config: RatingConfig,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> RatingTable:
    """The rating of every candidate of every block; see `rate_sets_of_blocks`. ``folder`` keeps all; the same folder resumes.

    Raises:
        UsageError: the teacher's features do not fit the space, or the folder belongs to other inputs.
        DivergedError: the loss of a block is no longer a number.
    """
    return rate_sets_of_blocks(block_work(space, teacher, data, config, folder, compute), on_progress)


def rate_sets_of_blocks(work: BlockWork, on_progress: OnProgress = silent) -> RatingTable:
    """The mean rating over as many sets of supernets as the work asks for, each with a seed of its own."""
    space, count, rated = work.space, work.config.supernet_sets, list[dict[int, BatchRatings]]()
    _say_if_nothing_is_told(work, on_progress)
    sets = sets_of(work, count)
    for supernets in sets:
        supernets.write_run()
    spread_sets(sets, on_progress)
    for number, supernets in enumerate(sets, 1):  # after other workers, this only gathers
        rated.append(run_blocks(supernets, space.block_numbers, _of_set(on_progress, number, count)))
    batches = max(len(ratings.rows) for blocks in rated for ratings in blocks.values())
    images = min(len(work.data.rating), work.config.rating_batch * batches)
    return work.table(
        images, (block_ratings(space, index, [blocks[index] for blocks in rated]) for index in space.block_numbers)
    )


def _say_if_nothing_is_told(work: BlockWork, on_progress: OnProgress) -> None:
    """A teacher whose weights were not found, or that was never trained, is known by what it believes."""
    few = replace(work.data.rating, indices=work.data.rating.indices[:ASKED])
    with work.compute.limited_threads():
        batches = in_order(few, work.data, work.config.rating_batch, work.compute.device)
        work.teacher.network.to(work.compute.device)
        share = share_told(torch.cat([work.teacher.scores(batch.inputs).float().cpu() for batch in batches]))
    if share < LEAST_KNOWN:
        what = f"teacher {work.teacher.name} tells {share:.1%} of what an answer can tell: was it trained for such images?"
        on_progress(Progress("supernets", 0, 1, notice=what))


def _of_set(on_progress: OnProgress, number: int, count: int) -> OnProgress:
    """Progress that says which set it is of, where there are several."""
    if count == 1:
        return on_progress
    return lambda progress: on_progress(replace(progress, step=f"{progress.step}, set {number} of {count}"))


def block_ratings(space: ChainSpace, index: int, sets: Sequence[BatchRatings]) -> BlockRatings:
    """The ratings of the candidates of block ``index`` as a table holds them: means over sets of supernets.

    Standard errors are those over images, which all sets share, together with those over sets where there are several.
    """
    every = torch.stack([ratings.means for ratings in sets])
    over_images = torch.stack([ratings.standard_errors for ratings in sets]).mean(0)
    over_sets = every.std(0) / len(sets) ** 0.5 if len(sets) > 1 else torch.zeros_like(over_images)
    means, errors = every.mean(0).tolist(), torch.hypot(over_images, over_sets).tolist()
    return BlockRatings.of(space, index, means, errors)
