"""The successors of DNA as methods of the evidence: DNA+ (the winner, made larger, teaches) and DNA++ (nobody teaches)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from ground_truth_records import TRUTHS

from dna_deploy.data.splits import Split
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import Population
from dna_deploy.nets.teachers.scaled import ScaledConfig
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.pipeline.round import Growth
from dna_deploy.rating.rate import rate_space
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.population import PopulationConfig, PopulationWork, population_work
from dna_deploy.rating.raters.dna_pp.rating import population_of, rating_views
from dna_deploy.rating.raters.dna_pp.stitched import rate_chained
from dna_deploy.rating.raters.dna_pp.training import train_population
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.scaling import Scaling, grown
from dna_deploy.training.teacher import train_scaled

if TYPE_CHECKING:
    from evidence_methods import Bench, Scores

TABLE = Path(__file__).parent.parent / "latency_tables" / "fashion.cpu-1thread.json"
POPULATION_EPOCHS = 4
"""Two views, and members that only make the centre: a step costs more than twice one of DNA."""


def dna_plus(bench: Bench) -> Scores:
    """A second round: what the first round's ratings find within the slowest band, made larger and trained, is the teacher.

    The first round is the method ``dna`` with the same seed. The whole table, which only the search needs, is rated on one
    batch of images.
    """
    from evidence_methods import TEACHER, two_stages

    space, some = bench.space, bench.data.rating
    work = replace(bench.work(bench.teacher()), folder=bench.folder.parent / f"dna-{bench.seed}")
    data = replace(bench.data, rating=Split(some.source, some.indices[: work.config.rating_batch]))
    table = rate_space(space, work.teacher, data, work.config, work.folder, compute=bench.compute)
    found = search(space, table, [LatencyTable.read(TABLE)], [Constraint(Latency(), at_most=slowest_s())]).network(space)
    growth = Growth()
    heir = grown(space, found, Scaling(growth.depth, growth.width, growth.resolution), growth.parameters)
    shape, name = ScaledConfig.for_space(space, heir), f"heir of {found}"
    path = train_scaled(shape, TEACHER.recipe, bench.data, bench.folder / "heir", name=name, compute=bench.compute)
    teacher = load_teacher(path)
    bench.tell_accuracy(teacher)
    return two_stages(bench, teacher)


def slowest_s() -> float:
    """The budget of the first round, of the first list whichever is judged, so that every list judges the same heir."""
    return max(network.predicted_s for network in TRUTHS["first"].listed.networks)


def dna_plus_plus_longer(bench: Bench) -> Scores:
    """2,000 steps instead of 500."""
    return dna_plus_plus(bench, 4 * POPULATION_EPOCHS)


def dna_plus_plus(bench: Bench, epochs: int = POPULATION_EPOCHS) -> Scores:
    """No teacher and no label: distances to the centre of the population, block by block and chained."""
    from evidence_methods import BATCH

    config = PopulationConfig(epochs=epochs, batch=BATCH, seed=bench.seed)
    work = population_work(bench.space, bench.data, config, bench.folder, bench.compute)
    with bench.compute.limited_threads():
        population = train_population(work)
        sums = [-sum(of) for of in zip(*rate_choices(work, population, bench.architectures), strict=True)]
    chained = rate_chained(work, bench.architectures)
    return {"block sum": sums, "stitched": [-one.divergence for one in chained]}


@torch.no_grad()
def rate_choices(work: PopulationWork, population: Population, listed: tuple[Architecture, ...]) -> list[list[float]]:
    """For every block, what `rate_population` says about the choices of some networks, without rating all others."""
    blocks = range(len(work.space.blocks))
    ratings = [dict.fromkeys((architecture.parts[index] for architecture in listed), 0.0) for index in blocks]
    every = list(rating_views(work))
    for views in every:
        features = views
        for index in blocks:
            centre, emitted = population_of(work, population, index, features)
            seen, wanted = features.chunk(2)[0], centre.chunk(2)[1]
            (block, _), predictor = population.pair(index), population.predictors[index]
            with batch_statistics(block), batch_statistics(predictor):
                for choice in ratings[index]:
                    made = block.supernet(seen, *work.space.index.path_of(index, choice))
                    ratings[index][choice] += float(distance(predictor(block.embed(made)), wanted)) / len(every)
            features = emitted
    return [[ratings[index][architecture.parts[index]] for architecture in listed] for index in blocks]
