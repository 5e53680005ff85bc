"""Why does DNA++ know so little? Candidates of one population of `nats-size`, measured in several ways against the truth.

    python -m benchmarks.nats.population --truth NATS --cifar CIFAR [--recipes dna++ dna++-untrained] [--seeds 3]

Prints for every way Kendall's tau of block sums over all 32,768 networks, plain and given MACs, and block by block tau of a
block's ratings with the mean accuracy of all networks that have a candidate. benchmarks/results/population.csv keeps all.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate

from benchmarks.nats.__main__ import HERE, tell
from benchmarks.nats.ratings import RECIPES, Bench
from benchmarks.nats.truth import SPACE, Truth, Values
from benchmarks.rows import kept_row
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import EmbeddedBlock, Population
from dna_deploy.rating.raters.dna_pp.embedding import Spread, distance
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import population_of, rating_views
from dna_deploy.rating.raters.dna_pp.training import build_population, train_population
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.statistics.ranks import tau, tau_given

RESULTS = HERE.parent / "results" / "population.csv"
RIDGE = 1e-2
"""Of the mean square of a feature."""
Rated = Mapping[str, list[Values]]
"""For every way the ratings of each block's candidates, less is better."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, required=True, help="folder of size_cifar10.csv and size_bossnas_ratings.csv")
    parser.add_argument("--cifar", type=Path, required=True, help="CIFAR-10 as a folder of images or of shards")
    parser.add_argument("--latencies", type=Path, default=HERE / "latencies.json")
    parser.add_argument("--recipes", nargs="+", default=["dna++", "dna++-untrained"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=4_000, help="to train on")
    parser.add_argument("--rating-images", type=int, default=500)
    parser.add_argument("--work", type=Path, default=Path("runs/nats"), help="where checkpoints are kept")
    chosen = parser.parse_args()
    truth = Truth.read(chosen.truth, LatencyTable.read(chosen.latencies))
    bench = Bench(chosen.cifar, None, chosen.work, HERE / "ratings", chosen.images, chosen.rating_images, 0, Compute())
    rows = []
    for label in chosen.recipes:
        for seed in range(chosen.seeds):
            name = f"{label}, {chosen.images} images, seed {seed}"
            numbers = kept_row(RESULTS, name, partial(judged, bench, label, seed, truth))
            rows += [(label, seed, way, *(f"{value:+.3f}" for value in values)) for way, values in numbers.items()]
    blocks = [f"block {index + 1}" for index in SPACE.block_numbers]
    headers = ("recipe", "seed", "way", "tau", "given MACs", *blocks)
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


def judged(bench: Bench, label: str, seed: int, truth: Truth) -> dict[str, list[float]]:
    """For every way to rate: tau, tau given MACs, and tau in each block."""
    recipe = RECIPES[label]
    work = bench.rater(recipe, seed).work
    rated = rate(work, build_population(work) if recipe.is_untrained else train_population(work, tell))
    accuracy, macs = truth.accuracy, truth.costs[0]
    of_candidates = [
        np.array([accuracy[truth.choices[:, index] == choice].mean() for choice in range(count)])
        for index, count in enumerate(SPACE.index.counts)
    ]
    lines = {}
    for way, blocks in rated.items():
        merit = -sum(block[chosen] for block, chosen in zip(blocks, truth.choices.T, strict=True))
        in_blocks = [tau(-block, mean) for block, mean in zip(blocks, of_candidates, strict=True)]
        lines[way] = [tau(merit, accuracy), tau_given(merit, accuracy, (macs,)), *in_blocks]
    return {way: [round(float(value), 3) for value in values] for way, values in lines.items()}


@torch.no_grad()
def rate(work: PopulationWork, population: Population) -> Rated:
    """Every candidate of every block, by every way, in the mean over batches of images."""
    sums: dict[str, list[list[Values]]] = {}
    for views in rating_views(work):
        features = views
        for index in work.space.block_numbers:
            centre, emitted = population_of(work, population, index, features)
            for way, values in _ways(population, index, features, centre).items():
                sums.setdefault(way, [[] for _ in work.space.block_numbers])[index].append(values)
            features = emitted
    return {way: [np.mean(values, axis=0) for values in blocks] for way, blocks in sums.items()}


def _ways(population: Population, index: int, features: torch.Tensor, centre: torch.Tensor) -> dict[str, Values]:
    """A block's candidates by every way, on features of two views and the centre of both."""
    (online, target), view = population.pair(index), features.chunk(2)[0]
    with batch_statistics(online), batch_statistics(target):
        rows = [
            ways_of(population, index, means, moving, centre)
            for means, moving in zip(_pooled(online, view), _pooled(target, view), strict=True)
        ]
    return {way: np.array([row[way] for row in rows]) for way in rows[0]}


def ways_of(
    population: Population, index: int, pooled: torch.Tensor, moving: torch.Tensor, centre: torch.Tensor
) -> dict[str, float]:
    """A candidate by every way; less is better. Batch norms have to use the batch's statistics.

    Args:
        population: where it is a member.
        index: of its block.
        pooled: its features of the first view in the mean over positions, ``(images, channels)``.
        moving: the same of the moving average's half.
        centre: of both views, ``(2 * images, size)``.
    """
    (online, target), predictor = population.pair(index), population.predictors[index]
    first, second = centre.chunk(2)
    embedded = online.projector(pooled)
    with batch_statistics(predictor):
        predicted = predictor(embedded)
    return {
        "prediction of the other view (as built)": float(distance(predicted, second)),
        "prediction of the same view": float(distance(predicted, first)),
        "embedding, other view": float(distance(embedded, second)),
        "target's embedding, same view": float(distance(target.projector(moving), first)),
        "the centre by ridge regression from its features": _unexplained(pooled, second),
        "dimensions in use (more is better)": -Spread.of(embedded).effective_rank,
        "dimensions of features in use (more is better)": -Spread.of(pooled).effective_rank,
    }


def _pooled(block: EmbeddedBlock, features: torch.Tensor) -> list[torch.Tensor]:
    """What every candidate emits, in the mean over positions, in the order of `Block.candidates`."""
    cells: dict[int, list[torch.Tensor]] = {}
    for cell, output in block.supernet.walk(features):
        cells.setdefault(cell, []).append(output.mean((2, 3)))
    return [means for cell in sorted(cells) for means in cells[cell]]


def _unexplained(features: torch.Tensor, centre: torch.Tensor) -> float:
    """The share of the centre that a linear map of half the images' features does not explain on the other half."""
    scaled = (features - features.mean(0)) / features.std(0).clamp(min=1e-6)
    fit, held_out = scaled.double().chunk(2)
    known, unknown = (centre - centre.mean(0)).double().chunk(2)
    ridge = RIDGE * len(fit) * torch.eye(fit.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(fit.T @ fit + ridge, fit.T @ known)
    return float((unknown - held_out @ weights).square().sum() / unknown.square().sum())


if __name__ == "__main__":
    main()
