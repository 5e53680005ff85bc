"""Which default recipe for small data? Batch, learning rate and shift, chosen by validation images alone.

First every batch with every learning rate, then every shift with the best of them; each on two networks, a small one and
one of middle size. No test image is read. Every training is a row of a file, so that the same command goes on.

    python -m benchmarks.training.recipe > benchmarks/results/recipe.txt
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmarks.rows import kept_row
from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.config import DataConfig
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.network import Network
from dna_deploy.progress import silent
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.recipe import Recipe

NETWORKS = ("24:k3e3/40:k5e3,p1/80:k3e3", "24:k5e3,k3e3/32:k5e6,k3e3,p1/80:k5e6,k3e3")
BATCHES, RATES, SHIFTS = (32, 64, 128), (2.5e-3, 5e-3, 1e-2), (0, 1, 2)
IMAGES, VALIDATION, EPOCHS = 20_000, 5_000, 4
KEPT = Path(__file__).parents[1] / "results" / "recipe.csv"


@dataclass(frozen=True)
class Setting:
    """One point of the grid."""

    batch: int
    rate: float
    shift: int

    def __str__(self) -> str:
        return f"batch {self.batch}, learning rate {self.rate:g}, shift {self.shift}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/recipe"))
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    seeds = range(asked.seeds)
    print(f"fashion-mnist, {IMAGES} training and {VALIDATION} validation images, {EPOCHS} epochs, seeds {[*seeds]}")
    print(f"networks {NETWORKS}; accuracies on the validation images, the best epoch of each training\n")
    first = [Setting(batch, rate, 1) for batch, rate in product(BATCHES, RATES)]
    best = report(first, seeds, asked.folder)
    second = [Setting(best.batch, best.rate, shift) for shift in SHIFTS]
    print(f"\nchosen by validation images: {report(second, seeds, asked.folder)}")


def report(settings: Sequence[Setting], seeds: range, folder: Path) -> Setting:
    """Prints the accuracies of some settings; the best one."""
    found: dict[Setting, list[float]] = {setting: [] for setting in settings}
    for seed, setting, number in product(seeds, settings, range(len(NETWORKS))):  # a seed at a time: a stop leaves a whole grid
        found[setting].append(accuracy(setting, number, seed, folder))
    best = max(found, key=lambda setting: float(np.mean(found[setting])))
    rows = []
    for setting in settings:
        behind = np.subtract(found[best], found[setting])
        error = behind.std(ddof=1) / len(behind) ** 0.5 if setting != best else 0.0
        of_each = [f"{np.mean(found[setting][number :: len(NETWORKS)]):.2%}" for number in range(len(NETWORKS))]
        rows.append((setting, f"{np.mean(found[setting]):.2%}", *of_each, f"{behind.mean():.2%} ± {error:.2%}"))
    print(tabulate(rows, ("setting", "mean", "small network", "middle network", "behind the best (paired)"), "github"))
    return best


def accuracy(setting: Setting, number: int, seed: int, folder: Path) -> float:
    """The validation accuracy of one training."""
    name = f"{number}-b{setting.batch}-r{setting.rate:g}-s{setting.shift}-{seed}"

    def make() -> dict[str, Any]:
        print(f"training {name}", file=sys.stderr, flush=True)
        return train(setting, number, seed, folder / name)

    found = kept_row(KEPT, name, make)
    return float(found["correct"]) / float(found["images"])


def train(setting: Setting, number: int, seed: int, folder: Path) -> dict[str, Any]:
    space, images = find_chain("fashion").with_head(), data(seed)
    recipe = Recipe(
        epochs=EPOCHS,
        batch=setting.batch,
        learning_rate=setting.rate,
        augmentation=Augmentation(shift=setting.shift),
        seed=seed,
    )
    with seeded(seed, "network"):
        network = Network(space, space.parse(NETWORKS[number]))
    run = Run("training", folder.name, folder, Compute())
    best = fit(network, images, recipe, run, on_progress=silent)
    return {"correct": best.metrics[0].count, "images": best.images, "epoch": best.epoch}


@cache
def data(seed: int) -> ImageData:
    config = DataConfig(train_images=IMAGES, validation_images=VALIDATION, seed=seed)
    return load_data(config, find_chain("fashion").input)


if __name__ == "__main__":
    main()
