"""Does a network that begins with its supernet's weights learn faster than one from scratch? Equal epochs, side by side.

    python -m benchmarks.training.inherited > benchmarks/results/inherited.txt

Fashion-MNIST, three networks from small to large, two seeds (of the order of the images and of what begins anew); teacher and
block supernets as the tool makes them by default, once. Every training is a row of a file, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmarks.rows import kept_row
from dna_deploy.data.config import DataConfig
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.inherit import inherited_network
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.progress import silent
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import block_work
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.training.config import RESIDUAL, TeacherConfig, TrainingConfig
from dna_deploy.training.network import Start, train_architecture
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_teacher

NETWORKS = ("24:k3e1/40:k3e1/80:k3e1", "24:k3e3/40:k5e3,p1/80:k3e3", "24:k5e3,k3e3/40:k5e6,k3e3/80:k5e6,k3e3")
SEEDS, EPOCHS = (0, 1), (1, 2, 4)
IMAGES, SUPERNET_EPOCHS, TEACHER_EPOCHS = 8_000, 4, 3
KEPT = Path(__file__).parents[1] / "results" / "inherited.csv"
SPACE = find_chain("fashion").with_head()
RECIPE = Recipe(batch=64, learning_rate=5e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/inherited"))
    folder = parser.parse_args().folder
    data = load_data(DataConfig(train_images=IMAGES), SPACE.input)
    supernets = trained_supernets(data, folder)
    print(f"fashion-mnist, {IMAGES} training images, supernets of {SUPERNET_EPOCHS} epochs, {RECIPE.model_dump_json()}\n")
    rows = []
    for line, epochs in product(NETWORKS, EPOCHS):
        scratch = [train(line, epochs, seed, None, data, folder) for seed in SEEDS]
        heirs = [train(line, epochs, seed, supernets, data, folder) for seed in SEEDS]
        fresh = len(inherited_network(SPACE, SPACE.parse(line), supernets)[1])
        for part in ("validation", "test"):
            gain = np.subtract([one[part] for one in heirs], [one[part] for one in scratch])
            cells = (", ".join(f"{one[part]:.2%}" for one in those) for those in (scratch, heirs))
            rows.append((line, fresh, epochs, part, *cells, f"{100 * gain.mean():+.2f}"))
    headers = ("network", "fresh layers", "epochs", "images", "from scratch", "inherited", "points gained")
    print(tabulate(rows, headers, "github", disable_numparse=True))


def trained_supernets(data: ImageData, folder: Path) -> dict[int, SupernetBlock]:
    compute = Compute(checkpoint_seconds=30)
    config = TeacherConfig(name=RESIDUAL, recipe=RECIPE.model_copy(update={"epochs": TEACHER_EPOCHS}))
    teacher = load_teacher(train_teacher(config, SPACE, data, folder / "teacher", compute=compute))
    rating = RatingConfig(epochs=SUPERNET_EPOCHS)
    work = block_work(SPACE, teacher, data, rating, folder / "supernets", compute)
    return train_blocks(work, range(len(SPACE.blocks)), silent)


def train(
    line: str, epochs: int, seed: int, supernets: dict[int, SupernetBlock] | None, data: ImageData, folder: Path
) -> dict[str, Any]:
    """One training; ``supernets`` is what it inherits from."""
    name = f"{NETWORKS.index(line)}-{epochs}-{seed}-{'scratch' if supernets is None else 'inherited'}"

    def make() -> dict[str, Any]:
        print(f"training {name}", file=sys.stderr, flush=True)
        start, architecture = None, SPACE.parse(line)
        if supernets is not None:
            with seeded(seed, "network"):
                start = Start(inherited_network(SPACE, architecture, supernets)[0], name)
        config = TrainingConfig(recipe=RECIPE.model_copy(update={"epochs": epochs, "seed": seed}))
        done = train_architecture(SPACE, architecture, data, config, folder / name, start=start)
        return {"validation": done.validation[0].value, "test": done.test[0].value}

    return kept_row(KEPT, name, make)


if __name__ == "__main__":
    main()
