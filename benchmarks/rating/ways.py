"""Why does DNA++ know nothing of our lists? Networks of `fashion` rated by one population in several ways, trained and not.

    python -m benchmarks.rating.ways [--seeds 3] [--work FOLDER]

Prints Kendall's tau with accuracy in the mean over the three lists, plain, given MACs and given parameters.
benchmarks/results/ways.csv keeps what each population said.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.nats.population import ways_of
from benchmarks.rating.bench import RATED_IMAGES
from benchmarks.rating.truth import TRUTHS
from benchmarks.rows import kept_row
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import Population
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import population_of, rating_views
from dna_deploy.rating.raters.dna_pp.training import build_population, train_population
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.statistics.ranks import tau, tau_given

RESULTS = Path(__file__).parents[1] / "results" / "ways.csv"
EPOCHS, BATCH = 4, 32
"""As the experiment `dna++` of `benchmarks.rating`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/ways"), help="where checkpoints are kept")
    chosen = parser.parse_args()
    rows = []
    for seed in range(chosen.seeds):
        for is_trained in (True, False):
            name = f"{'trained' if is_trained else 'untrained'}, seed {seed}"
            numbers = kept_row(RESULTS, name, partial(judged, chosen.work, seed, is_trained))
            rows += [(name, way, *(f"{value:+.2f}" for value in values)) for way, values in numbers.items()]
    lists = [f"list {letter}" for letter in TRUTHS]
    print(tabulate(rows, ("population", "way", "tau", "given MACs", "given parameters", *lists), tablefmt="github"))


def judged(folder: Path, seed: int, is_trained: bool) -> dict[str, list[float]]:
    """For every way to rate: tau in the mean over lists, given MACs, given parameters, and tau in each list."""
    listed = TRUTHS["a"].listed
    images = listed.load_images()
    data = replace(images, rating=replace(images.rating, indices=images.rating.indices[:RATED_IMAGES]))
    config = PopulationConfig(epochs=EPOCHS, batch=BATCH, seed=seed)
    space = listed.search_space
    work = PopulationWork.of("dna++", space, None, data, config, folder / f"population-{seed}", Compute(checkpoint_seconds=30))
    population = train_population(work) if is_trained else build_population(work)
    networks = {letter: truth.listed.architectures for letter, truth in TRUTHS.items()}
    rated = rate(work, population, [network for some in networks.values() for network in some])
    return {way: [round(float(value), 3) for value in _orders(work, networks, values)] for way, values in rated.items()}


@torch.no_grad()
def rate(
    work: PopulationWork, population: Population, networks: list[Architecture]
) -> Mapping[str, Mapping[tuple[int, str], list[float]]]:
    """For every way, block and part of a network what each batch of images says."""
    rated: dict[str, dict[tuple[int, str], list[float]]] = {}
    for views in rating_views(work):
        features = views
        for index in work.space.block_numbers:
            centre, emitted = population_of(work, population, index, features)
            (online, target), view = population.pair(index), features.chunk(2)[0]
            with batch_statistics(online), batch_statistics(target):
                for part in dict.fromkeys(network.parts[index] for network in networks):
                    path = work.space.index.path_of(index, part)
                    pooled, moving = (half.supernet(view, *path).mean((2, 3)) for half in (online, target))
                    for way, value in ways_of(population, index, pooled, moving, centre).items():
                        rated.setdefault(way, {}).setdefault((index, str(part)), []).append(value)
            features = emitted
    return rated


def _orders(
    work: PopulationWork,
    networks: Mapping[str, tuple[Architecture, ...]],
    values: Mapping[tuple[int, str], list[float]],
) -> list[float]:
    """Kendall's tau of sums over blocks: means over lists of tau, given MACs and given parameters, then tau of each list."""
    lines, headed = [], work.space.with_head()
    for letter, some in networks.items():
        accuracy = TRUTHS[letter].accuracies.mean(1)
        merits = np.array([-sum(np.mean(values[index, str(part)]) for index, part in enumerate(net.parts)) for net in some])
        placed = [headed.place(network) for network in some]
        macs = np.array([sum(layer.macs for layer in layers) for layers in placed], dtype=float)
        parameters = np.array([sum(layer.parameters for layer in layers) for layers in placed], dtype=float)
        lines.append([tau(merits, accuracy), *(tau_given(merits, accuracy, (cost,)) for cost in (macs, parameters))])
    of_lists = np.array(lines)
    return [*of_lists.mean(0), *of_lists[:, 0]]


if __name__ == "__main__":
    main()
