"""The second stage without a teacher: whole networks, their own trained blocks chained, against the population's centre.

It sees what a sum over blocks cannot: how what one block emits suits the next. Networks that begin alike share that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import Population
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.second_stage import by_mean_rank
from dna_deploy.rating.raters.dna.stitched import StitchedRating, stitched_features
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import population_of, rating_views
from dna_deploy.rating.raters.dna_pp.training import train_population
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.refinement import Refinement
from dna_deploy.spaces.architecture import Architecture


def rate_chained(
    work: PopulationWork, architectures: Sequence[Architecture], *, on_progress: OnProgress = silent
) -> tuple[StitchedRating, ...]:
    """How far the chained networks' predictions are from the centre of the last block, in their order. Less is better.

    Raises:
        UsageError: an architecture is not in the space, or there is none.
    """
    work.check_networks(architectures)
    with work.compute.limited_threads():
        population = train_population(work, on_progress)
        rows, total = [], -(-len(work.data.rating) // work.config.rating_batch)
        for views in rating_views(work):
            rows.append(_one_batch(work, population, sorted(set(architectures), key=str), views))
            on_progress(Progress("chained networks", len(rows), total, f"best {min(rows[-1].values()):.3f}"))
    distances = torch.tensor([[row[architecture] for architecture in architectures] for row in rows], dtype=torch.float64)
    errors = distances.std(0) / len(rows) ** 0.5 if len(rows) > 1 else torch.zeros(len(architectures))
    return tuple(
        StitchedRating(network, mean, error)
        for network, mean, error in zip(architectures, distances.mean(0).tolist(), errors.tolist(), strict=True)
    )


@dataclass(frozen=True)
class ChainedStage:
    """The second stage of a search with a population's ratings: mean ranks of chained distance, block ratings and parameters.

    Raises:
        TableError: the ratings are for another space, data set or method than the population.
    """

    work: PopulationWork
    table: RatingTable

    def __post_init__(self) -> None:
        self.work.check_ratings(self.table)

    def refine(self, architectures: Sequence[Architecture], on_progress: OnProgress = silent) -> Refinement:
        """The networks of a shortlist, best first."""
        chained = rate_chained(self.work, architectures, on_progress=on_progress)
        return by_mean_rank(self.work.space, self.table, chained, teacher=self.table.teacher, data=self.work.data)


@torch.no_grad()
def _one_batch(
    work: PopulationWork, population: Population, ordered: Sequence[Architecture], views: torch.Tensor
) -> dict[Architecture, float]:
    """The distance of every network on one batch; ``ordered`` keeps equal starts together."""
    features, centre = views, views
    for index in work.space.block_numbers:
        centre, features = population_of(work, population, index, features)
    first_view, target = views.chunk(2)[0], centre.chunk(2)[1]
    blocks = [population.pair(index)[0] for index in work.space.block_numbers]
    supernets, predictor = {index: block.supernet for index, block in enumerate(blocks)}, population.predictors[-1]
    distances = {}
    for architecture, emitted in stitched_features(work.space, supernets, ordered, first_view):
        with batch_statistics(blocks[-1]), batch_statistics(predictor):
            distances[architecture] = float(distance(predictor(blocks[-1].embed(emitted)), target))
    return distances
