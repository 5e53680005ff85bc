"""Rates the candidates of every block by how far each one's prediction is from the mean of what all of them see.

Views are the same for all candidates, which share prefixes, and batch norms use the batch's own statistics. When a block is
rated, its best candidate is what the next block learns behind (BossNAS, section 3.3 and its code).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from dna_deploy.errors import DivergedError
from dna_deploy.learning.memory import Portions
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import on_sphere
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.boss.training import BestPath, BootstrappedBlock, BossWork, features_behind, train_block
from dna_deploy.rating.raters.dna.block_rating import BatchRatings
from dna_deploy.rating.raters.dna.rating import block_ratings
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.rating import rating_views
from dna_deploy.records.rating_table import RatingTable


def rate_in_order(work: BossWork, on_progress: OnProgress = silent) -> RatingTable:
    """The rating of every candidate, block after block, each trained behind the best of those before. Lower is better.

    Raises:
        CollapsedError: the embeddings of a block no longer tell images apart.
        DivergedError: a loss or a rating is no longer a number.
        OutOfMemoryError: a batch of training, or the smallest portions of one that is rated, do not fit in memory.
        UsageError: the folder belongs to other inputs.
    """
    work.write_run()
    prefix, rated, watch = list[BestPath](), list[BatchRatings](), None
    with work.compute.limited_threads():
        for index in work.space.block_numbers:
            block, watch = train_block(work, index, prefix, watch, on_progress)
            rated.append(_rate_block(work, index, block, prefix, on_progress))
            best = work.space.index.choice(index, int(rated[-1].means.argmin()))
            prefix.append(BestPath(block, *work.space.index.path_of(index, best)))
    if watch:
        watch.write_history(stopped_at=None)
    return work.table(
        len(work.data.rating), (block_ratings(work.space, index, [ratings]) for index, ratings in enumerate(rated))
    )


@torch.no_grad()
def rate_batch(block: BootstrappedBlock, features: torch.Tensor) -> torch.Tensor:
    """The distance of every candidate from the centre, in the order of `Block.candidates`, 64-bit.

    ``features`` are those of both views. The centre is the mean direction of what all candidates of the target see.
    """
    directions, count = torch.zeros((), device=features.device), 0
    with batch_statistics(block):
        for _, output in block.target.supernet.walk(features):
            directions, count = directions + on_sphere(block.target.embed(output)), count + 1
        others = on_sphere(directions / count).roll(len(features) // 2, 0)
        of_cells: dict[int, list[torch.Tensor]] = {}
        for cell, output in block.online.supernet.walk(features):
            of_cells.setdefault(cell, []).append(distance(block.predictor(block.online.embed(output)), others))
    return torch.stack([rating for cell in sorted(of_cells) for rating in of_cells[cell]]).double().cpu()


def _rate_block(
    work: BossWork, index: int, block: BootstrappedBlock, prefix: Sequence[BestPath], on_progress: OnProgress
) -> BatchRatings:
    """Rates a block on the rating slice, batch after batch; a batch that was rated is not again."""
    ratings = BatchRatings.resume(work.folder / f"ratings-{index + 1}.safetensors", work.identity)
    size, name = work.config.rating_batch, f"rating block {index + 1}"
    batches, portions = -(-len(work.data.rating) // size), Portions(name, size, smallest=size)
    for number, views in enumerate(rating_views(work)):
        if number < len(ratings.rows):
            continue
        row = portions.run(partial(_rate_views, block, prefix, views))
        if not bool(row.isfinite().all()):
            raise DivergedError(f"block {index + 1}: a rating is not a number", "rate again with a lower learning rate")
        ratings.append(row)
        on_progress(Progress(name, number + 1, batches, f"best {row.min():.3f}"))
    return ratings


def _rate_views(block: BootstrappedBlock, prefix: Sequence[BestPath], views: torch.Tensor, portions: int) -> torch.Tensor:
    assert portions == 1  # a batch in portions would have other statistics
    return rate_batch(block, features_behind(prefix, views))
