"""Does the rule of DDPNAS keep what is good? Nothing is trained: networks are judged by their published accuracy and noise.

    python -m benchmarks.nats.pruning --truth NATS [--seeds 30]

Writes benchmarks/results/nats_pruning.md: what is left at two options a slot, beside as many by chance and the whole space.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from tabulate import tabulate

from benchmarks.nats.truth import SPACE, Truth
from dna_deploy.rating.raters.ddpnas.config import PruningConfig
from dna_deploy.rating.raters.ddpnas.distribution import Sweeps
from dna_deploy.rating.raters.shrinking.left import Budget, Left
from dna_deploy.records.files import write_atomically
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import most_visits, slots

Positions = npt.NDArray[np.intp]
"""Of networks in the truth."""
HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "nats_pruning.md"
LEFT = 2
NOISES = (0.0, 1.0, 3.0)
"""Deviations of what a network is judged by, in points of accuracy; those of the networks themselves differ by 1.3."""
HEAD = """# DDPNAS's rule on published accuracies

Nothing is trained: a network of `nats-size` is judged by the accuracy that others published, and Gaussian noise in points. Each
row is the mean over seeds, with its standard deviation, of the {left} options a slot (eight networks) that are left. A rule
that knew MACs alone would leave the largest, so that these stand beside it. In brackets are one-sided sign tests over seeds.
Made by `python -m benchmarks.nats.pruning`.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, required=True, help="folder of size_cifar10.csv and size_bossnas_ratings.csv")
    parser.add_argument("--latencies", type=Path, default=HERE / "latencies.json", help="a latency table of nats-size")
    parser.add_argument("--seeds", type=int, default=30)
    chosen = parser.parse_args()
    truth = Truth.read(chosen.truth, LatencyTable.read(chosen.latencies))
    macs = truth.costs[0]
    largest = np.argsort(-macs)[: LEFT ** len(SPACE.block_numbers)]
    everything, chance = [np.arange(len(macs))], [by_chance(truth, seed) for seed in range(chosen.seeds)]
    rows = [
        (*_row("the whole space", truth, everything), "", ""),
        (*_row("the largest by MACs", truth, [largest]), "", ""),
        (*_row("by chance", truth, chance), _wins(truth, chance, everything * chosen.seeds), ""),
    ]
    for noise in NOISES:
        left = [by_accuracy(truth, noise, seed) for seed in range(chosen.seeds)]
        wins = _wins(truth, left, everything * chosen.seeds), _wins(truth, left, chance)
        rows.append((*_row(f"by the rule, noise of {noise:g} points", truth, left), *wins))
    headers = ("what is left", "accuracy, %", "deviation over seeds", "MACs, M", "above the space", "above chance")
    text = (
        HEAD.format(left=LEFT)
        + tabulate(rows, headers, tablefmt="github", disable_numparse=True)
        + f"\n\n{chosen.seeds} seeds.\n"
    )
    write_atomically(RESULT, text.encode())
    print(text)


def _row(name: str, truth: Truth, left: list[Positions]) -> tuple[str, str, str, str]:
    means = np.array([truth.accuracy[some].mean() for some in left])
    macs = np.mean([truth.costs[0][some].mean() for some in left])
    return name, f"{means.mean():.2f}", f"{means.std(ddof=1):.2f}" if len(means) > 1 else "-", f"{macs / 1e6:.1f}"


def _wins(truth: Truth, left: list[Positions], others: list[Positions]) -> str:
    """In how many seeds what is left is better in the mean than the others, and the one-sided sign test of that."""
    wins = sum(truth.accuracy[some].mean() > truth.accuracy[other].mean() for some, other in zip(left, others, strict=True))
    chance = binomtest(int(wins), len(left), alternative="greater").pvalue
    return f"{wins} of {len(left)} (p = {chance:.1g})"


def by_accuracy(truth: Truth, noise: float, seed: int) -> Positions:
    """Positions of what the rule leaves."""
    rng, left, config = np.random.default_rng(seed), Left(SPACE, Budget()), PruningConfig(left=LEFT, seed=seed)

    def judge(network: Architecture) -> float:
        return float(truth.accuracy[truth.position(network)] + noise * rng.normal()) / 100

    rounds = max(map(len, slots(SPACE).values())) - LEFT
    steps = config.sweeps * sum(most_visits(SPACE, rounds))
    sweeps = Sweeps(left, config, steps, judge)
    for step in range(steps):
        sweeps.after_step(step)
    return _positions(truth, left)


def by_chance(truth: Truth, seed: int) -> Positions:
    """Positions of as many options that are left by chance."""
    rng, left = random.Random(seed), Left(SPACE, Budget())
    while many := [slot for slot in slots(left.space).values() if len(slot) > LEFT]:
        for slot in many:
            left.drop_if_it_may_go(rng.choice(slot))
    return _positions(truth, left)


def _positions(truth: Truth, left: Left) -> Positions:
    return np.array([truth.position(network) for network in left.space.architectures()])


if __name__ == "__main__":
    main()
