"""Files in the form of the published ones, with numbers made up: for whoever tries the benchmark without them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.nats.teacher import ResNet
from benchmarks.nats.truth import Values
from dna_deploy.spaces.catalog.nats_size import WIDTHS

BLOCKS = ((0, "{}{}", 2), (1, "{}{}", 2), (2, "{}", 1))
"""Number, form of its widths, and how many they are."""


NOISE: Values = np.random.default_rng(0).normal(size=(8,) * 5)
"""Of accuracies, by the numbers of the widths."""


def write_truth(folder: Path) -> None:
    """Accuracies that grow with the fourth width and with chance."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = zip(itertools.product(WIDTHS, repeat=5), itertools.product(range(8), repeat=5), strict=True)
    lines = [f"{':'.join(map(str, widths))},{80 + widths[3] / 10 + NOISE[numbers]}" for widths, numbers in numbered]
    (folder / "size_cifar10.csv").write_text("widths,accuracy_percent\n" + "\n".join(lines))
    blocks = [(block, form, digits) for block, form, count in BLOCKS for digits in np.ndindex((8,) * count)]
    text = "\n".join(f"{block},{form.format(*digits)},{block + sum(digits)}" for block, form, digits in blocks)
    (folder / "size_bossnas_ratings.csv").write_text("block,width_numbers,rating\n" + text)


def write_images(folder: Path, each: int) -> Path:
    """Ten classes of ``each`` noisy pictures of 32 pixels, by brightness."""
    rng = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pixels = rng.integers(0, 100, (32, 32, 3)) + 15 * label
            Image.fromarray(pixels.astype(np.uint8)).save(folder / str(label) / f"{number}.png")
    return folder


def write_resnet(path: Path) -> Path:
    """A small ResNet that was never trained."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    save_file(ResNet(3).state_dict(), path)
    return path
