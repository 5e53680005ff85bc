"""DNA++: no teacher and no label; distances to the centre of the population, block by block and chained."""

from __future__ import annotations

import torch

from benchmarks.rating.bench import Bench, Scores
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import Population
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import population_of, rating_views
from dna_deploy.rating.raters.dna_pp.stitched import rate_chained
from dna_deploy.rating.raters.dna_pp.training import train_population
from dna_deploy.spaces.architecture import Architecture


def rate(bench: Bench) -> Scores:
    """As `dna-deploy rate --method dna++` does, for the networks of the list alone."""
    config = PopulationConfig(epochs=bench.experiment.epochs, batch=bench.experiment.batch, seed=bench.seed)
    work = PopulationWork.of("dna++", bench.space, None, bench.data, config, bench.folder, bench.compute)
    with bench.compute.limited_threads():
        population = train_population(work)
        ratings = rate_choices(work, population, bench.architectures)
    chained = rate_chained(work, bench.architectures)
    return {
        "block sum": [-sum(of_network) for of_network in zip(*ratings, strict=True)],
        "stitched": [-rating.divergence for rating in chained],
    }


@torch.no_grad()
def rate_choices(work: PopulationWork, population: Population, listed: tuple[Architecture, ...]) -> list[list[float]]:
    """For every block, what `rate_all_blocks` says about the choices of some networks, without rating all others."""
    blocks = range(len(work.space.blocks))
    ratings = [dict.fromkeys((architecture.parts[index] for architecture in listed), 0.0) for index in blocks]
    every = list(rating_views(work))
    for views in every:
        features = views
        for index in blocks:
            centre, emitted = population_of(work, population, index, features)
            seen, target = features.chunk(2)[0], centre.chunk(2)[1]
            (block, _), predictor = population.pair(index), population.predictors[index]
            with batch_statistics(block), batch_statistics(predictor):
                for choice in ratings[index]:
                    made = block.supernet(seen, *work.space.index.path_of(index, choice))
                    ratings[index][choice] += float(distance(predictor(block.embed(made)), target)) / len(every)
            features = emitted
    return [[ratings[index][architecture.parts[index]] for architecture in listed] for index in blocks]
