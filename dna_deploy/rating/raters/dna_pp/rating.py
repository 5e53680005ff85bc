"""Rates every candidate of a population without labels: how far its prediction is from the population's centre.

A candidate sees one view of an image, the centre another; views and centre are the same for all candidates. They share
prefixes, and batch norms use the batch's own statistics. A block receives the mean features of the population before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dna_deploy.data.randomness import generator
from dna_deploy.errors import DivergedError
from dna_deploy.learning.memory import Portions
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import Population, on_sphere
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.block_rating import BatchRatings
from dna_deploy.rating.raters.dna.rating import block_ratings
from dna_deploy.rating.raters.dna_pp.draws import TwoViews, draw_paths
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.training import train_population
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.rating_table import RatingTable

RATING = -1
"""In the place of a training step: the paths whose candidates make the centre that is rated against."""


def rate_all_blocks(work: PopulationWork, on_progress: OnProgress = silent) -> RatingTable:
    """The rating of every candidate of every block; no label is read, and there is no teacher. Lower is better.

    The folder of the work keeps the population; the same folder resumes.

    Raises:
        CollapsedError: the embeddings of a block no longer tell images apart.
        DivergedError: a loss or a rating is no longer a number.
        OutOfMemoryError: a batch of training, or the smallest portions of one that is rated, do not fit in memory.
        UsageError: the folder belongs to other inputs.
    """
    population = train_population(work, on_progress)
    with work.compute.limited_threads():
        rated = _rate_blocks(work, population, on_progress)
    images = min(len(work.data.rating), work.config.rating_batch * max(len(ratings.rows) for ratings in rated))
    return work.table(images, (block_ratings(work.space, index, [ratings]) for index, ratings in enumerate(rated)))


def rating_views(work: RatingWork[Any, Any]) -> Iterator[torch.Tensor]:
    """Both views of all images of the rating slice, batch after batch: the same whenever they are asked for."""
    split, views = work.data.rating, TwoViews(work.config.views)
    for number, start in enumerate(range(0, len(split), work.config.rating_batch)):
        positions = torch.arange(start, min(start + work.config.rating_batch, len(split)))
        pixels = views(split.images(positions), generator(work.config.seed, "rating views", number))
        yield work.data.normalisation(pixels.to(work.compute.device))


@torch.no_grad()
def population_of(
    work: PopulationWork, population: Population, index: int, features: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The centre of a block's population on some features, and the mean features that it emits."""
    config, (_, target) = work.config, population.pair(index)
    draws = draw_paths(target.supernet.plan, index, config.seed, RATING, config.rating_ensemble)
    directions = emitted = torch.zeros((), device=features.device)
    with batch_statistics(target):
        for paths in draws:  # one at a time: all members at once would fill the memory
            members = target.members(features, [paths])
            directions = directions + torch.stack([on_sphere(target.embed(member)) for member in members]).mean(0)
            emitted = emitted + torch.stack(members).mean(0)
    return on_sphere(directions), emitted / len(draws)


@torch.no_grad()
def rate_batch(population: Population, index: int, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The distance of every candidate's prediction from what is ``targets``, in the order of `Block.candidates`, 64-bit."""
    (block, _), predictor = population.pair(index), population.predictors[index]
    ratings: dict[int, list[torch.Tensor]] = {}
    with batch_statistics(block), batch_statistics(predictor):
        for cell, output in block.supernet.walk(features):
            ratings.setdefault(cell, []).append(distance(predictor(block.embed(output)), targets))
    return torch.stack([rating for cell in sorted(ratings) for rating in ratings[cell]]).double().cpu()


def _rate_blocks(work: PopulationWork, population: Population, on_progress: OnProgress) -> list[BatchRatings]:
    """Rates every block on the rating slice, batch after batch; a batch that was rated is not again."""
    count = len(work.space.block_numbers)
    of_blocks = [BatchRatings.resume(_path(work, index), work.identity) for index in range(count)]
    batches, portions = -(-len(work.data.rating) // work.config.rating_batch), Portions("rating", work.config.rating_batch)

    def is_finished(ratings: BatchRatings) -> bool:
        return len(ratings.rows) == batches or ratings.is_settled(work.config.settled_top)

    for number, views in enumerate(rating_views(work)):
        due = [index for index in range(count) if number >= len(of_blocks[index].rows) and not is_finished(of_blocks[index])]
        for index, row in portions.run(partial(_rate_views, work, population, due, views)).items():
            if not bool(row.isfinite().all()):
                raise DivergedError(f"block {index + 1}: a rating is not a number", "rate again with a lower learning rate")
            of_blocks[index].append(row)
            finished = sum(batches if is_finished(ratings) else len(ratings.rows) for ratings in of_blocks)
            on_progress(Progress("rating", finished, batches * count, f"best {row.min():.3f}", portions.news()))
    return of_blocks


def _rate_views(
    work: PopulationWork, population: Population, due: Sequence[int], views: torch.Tensor, portions: int
) -> dict[int, torch.Tensor]:
    """The ratings of the blocks that are due on a batch in both views: means over its portions."""
    rows: dict[int, torch.Tensor] = {}
    for portion in _portions_of(views, portions):
        share, features = len(portion) / len(views), portion
        for index in range(max(due, default=-1) + 1):  # a block receives what all before it emit
            centre, emitted = population_of(work, population, index, features)
            if index in due:
                row = share * rate_batch(population, index, features.chunk(2)[0], centre.chunk(2)[1])
                rows[index] = rows[index] + row if index in rows else row
            features = emitted
    return rows


def _portions_of(views: torch.Tensor, count: int) -> list[torch.Tensor]:
    """A batch in both views as smaller ones."""
    if count == 1:
        return [views]
    first, second = views.chunk(2)
    return [torch.cat(pair) for pair in zip(first.tensor_split(count), second.tensor_split(count), strict=True)]


def _path(work: PopulationWork, index: int) -> Path:
    return work.folder / f"ratings-{index + 1}.safetensors"
