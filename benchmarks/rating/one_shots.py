"""Do proposals of an evaluator, and teaching by the best paths, make better inherited accuracies? On `fashion`, at equal steps.

    python -m benchmarks.rating.one_shots [--seeds 3]

Keeps a row a seed in benchmarks/results/one_shots_METHOD.csv, and goes on where it was stopped. The weights of `setn` are
those of `one-shot`, so that its supernet stands for both.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt

from benchmarks.rows import kept_row
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import Rater, load_rater, make_rater
from dna_deploy.rating.raters.setn.rater import Setn
from dna_deploy.records.accuracy_list import read_accuracies
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.statistics.ranks import tau, tau_given

SPACE = find_chain("fashion").with_head()
RESULTS = Path(__file__).parents[1] / "results"
DATASET = "distorted-fashion-mnist"
NETWORKS, BEST = 50, 10
LISTED = read_accuracies(Path(__file__).parent / "lists" / "2026-11-22-a" / "accuracies.csv", SPACE)
"""Networks that were trained alone on these images, in bands of equal latency."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=4_000, help="to train on, in batches of 16")
    parser.add_argument("--epochs", type=int, default=16, help="250 steps each; for 1,900 steps nothing is learnt")
    parser.add_argument("--table", type=Path, default=Path("latency_tables/fashion.cpu-1thread.json"))
    parser.add_argument("--work", type=Path, default=Path("runs/one-shots"), help="where checkpoints are kept")
    chosen = parser.parse_args()
    table = LatencyTable.read(chosen.table)
    data = load_data(DataConfig(dataset=DATASET, train_images=chosen.images, rating_images=500), SPACE.input)
    for seed in range(chosen.seeds):
        for method, compare in (("setn", proposals), ("cream-top1", teaching)):
            name = f"{method}, {chosen.images} images, {chosen.epochs} epochs, seed {seed}"
            rater = made(method, data, chosen.epochs, seed, chosen.work)
            numbers = kept_row(RESULTS / f"one_shots_{method}.csv", name, lambda: compare(rater, table, seed))  # noqa: B023
            print(name, numbers, flush=True)


def proposals(rater: Rater, table: LatencyTable, seed: int) -> dict[str, float]:
    """Accuracies with shared weights of networks drawn within a budget, and of as many proposals; orders of listed networks."""
    assert isinstance(rater, Setn)
    budget, drawn = drawn_within(table, seed)
    ratings = rater.table(tell)
    found = search(SPACE, ratings, [table], [Constraint(Latency(), at_most=budget)], top=NETWORKS, prefer_cheaper=False)
    proposed = list(map(SPACE.parse, found.shortlist))
    by_chance, by_evaluator = accuracies(rater, drawn), accuracies(rater, proposed)
    listed = [network.architecture for network in LISTED]
    return {
        "budget_us": round(1e6 * budget, 1),
        **means("uniform", by_chance, drawn),
        **means("proposals", by_evaluator, proposed),
        **orders("accuracy", np.array(accuracies(rater, listed))),
        **orders("likelihood", np.array([-ratings.of(SPACE, network) for network in listed])),
    }


def teaching(rater: Rater, table: LatencyTable, seed: int) -> dict[str, float]:
    """The same networks where the best paths have taught; orders of listed networks."""
    _, drawn = drawn_within(table, seed)
    scores = np.array(accuracies(rater, [network.architecture for network in LISTED]))
    return {**means("uniform", accuracies(rater, drawn), drawn), **orders("accuracy", scores)}


def means(name: str, values: Sequence[float], networks: Sequence[Architecture]) -> dict[str, float]:
    """Of accuracies, with the standard error over networks, the best of the first ten, and the size beside it."""
    macs = fmean(SPACE.sections(network).macs for network in networks)
    return {
        name: round(fmean(values), 4),
        f"{name}_error": round(float(np.std(values, ddof=1)) / len(values) ** 0.5, 4),
        f"{name}_best_of_10": round(max(values[:BEST]), 4),
        f"{name}_mega_macs": round(macs / 1e6, 2),
    }


def orders(name: str, scores: npt.NDArray[np.float64]) -> dict[str, float]:
    """Kendall's tau of a score of the listed networks with their accuracy when trained alone; that of MACs beside it."""
    truth = np.array([network.merit for network in LISTED])
    macs = np.array([float(SPACE.sections(network.architecture).macs) for network in LISTED])
    return {
        f"tau_{name}": round(tau(scores, truth), 3),
        f"tau_{name}_given_macs": round(tau_given(scores, truth, (macs,)), 3),
        "tau_macs": round(tau(macs, truth), 3),
    }


def drawn_within(table: LatencyTable, seed: int) -> tuple[float, list[Architecture]]:
    """The median latency of the space in seconds, and networks that keep it, drawn uniformly."""
    rng = random.Random(seed)
    some = [SPACE.sample(rng) for _ in range(201)]
    budget = sorted(table.predict(SPACE, network).seconds for network in some)[100]
    within: dict[Architecture, None] = {}
    while len(within) < NETWORKS:
        network = SPACE.sample(rng)
        if table.predict(SPACE, network).seconds <= budget:
            within[network] = None
    return budget, list(within)


def made(method: str, data: ImageData, epochs: int, seed: int, work: Path) -> Rater:
    """With the method's defaults, but for batches that are as large for all."""
    config = load_rater(method).config.model_validate({"batch": 16, "epochs": epochs, "seed": seed})
    return make_rater(method, SPACE, data, config, work, own_folder=True)


def accuracies(method: Rater, networks: Sequence[Architecture]) -> list[float]:
    """With shared weights, in the order of the networks."""
    scores = method.score(networks, tell)
    return [next(each.value for each in (score, *score.further) if each.kind.name == "accuracy") for score in scores]


def tell(progress: Progress) -> None:
    """A line a tenth of a step."""
    if progress.done * 10 // max(1, progress.total) != (progress.done - 1) * 10 // max(1, progress.total):
        print(f"{progress.step} {progress.done}/{progress.total} {progress.remark}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
