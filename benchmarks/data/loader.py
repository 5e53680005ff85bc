"""Loading of images beside torchvision's loader: the same files, size, flips and number of workers, side by side.

    python -m benchmarks.data.loader FOLDER [--size 224] [--workers 0 1 2]      (FOLDER has a folder of images a class)

A reading is the set found and checked, and some epochs of it. Ours is read twice: as sets are that fit into memory, of which
each image is decoded once, and *streamed*, as larger ones, of which every image is decoded whenever it is shown; torchvision's
loader always does the latter. Readings take turns, and the faster of each counts. Wall and processor seconds are printed: where
others share the machine, only the latter compare; with no workers as well, since ours decodes in as many threads as there are
processors in any case.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import torch
from tabulate import tabulate
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches, prefetched
from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.splits import Split
from dna_deploy.spaces.shapes import FeatureMap

BATCH, TURNS = 32, 3


def ours(folder: Path, size: int, workers: int, images: int, epochs: int) -> Iterator[torch.Tensor]:
    """As supernets are trained; read anew, so that nothing is remembered."""
    data = load_dataset(str(folder), None, FeatureMap(3, size, size))
    split = Split(data.training, torch.arange(min(images, len(data.training))))
    batches = TrainingBatches(split, data.normalisation, Augmentation(), BATCH, 0)
    for batch in prefetched(batches.at, range(epochs * batches.steps_per_epoch), workers):
        yield batch.inputs


def ours_streamed(folder: Path, size: int, workers: int, images: int, epochs: int) -> Iterator[torch.Tensor]:
    """The same of a set that does not fit into memory."""
    with mock.patch("dna_deploy.data.encoded_images.STORED_BYTES", 0):
        yield from ours(folder, size, workers, images, epochs)


def torchvisions(folder: Path, size: int, workers: int, images: int, epochs: int) -> Iterator[torch.Tensor]:
    """Its ImageFolder, in torch's loader, with processes as workers."""
    steps = [
        transforms.Resize(size), transforms.CenterCrop(size), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        transforms.Normalize((0.5,) * 3, (0.25,) * 3),
    ]  # fmt: skip
    dataset = datasets.ImageFolder(str(folder), transforms.Compose(steps))
    chosen = torch.utils.data.Subset(dataset, range(min(images, len(dataset))))
    loader = DataLoader(chosen, BATCH, shuffle=True, num_workers=workers, drop_last=True, persistent_workers=workers > 0)
    for _ in range(epochs):
        for inputs, _ in loader:
            yield inputs


def seconds(load: Callable[[], Iterator[torch.Tensor]]) -> tuple[float, float, int]:
    """Wall and processor seconds, workers included, and how many images came."""
    began, spent = time.perf_counter(), _spent()
    count = sum(len(inputs) for inputs in load())
    return time.perf_counter() - began, _spent() - spent, count


def _spent() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for workers in chosen.workers:
        loaders = {"ours": ours, "ours, streamed": ours_streamed, "torchvision": torchvisions}
        readings = {
            name: [
                seconds(partial(load, chosen.folder, chosen.size, workers, chosen.images, chosen.epochs)) for _ in range(TURNS)
            ]
            for name, load in loaders.items()
        }
        for name, runs in readings.items():
            wall, spent = (min(run[column] / run[2] for run in runs) for column in (0, 1))
            rows.append((workers, name, f"{1000 * wall:.2f}", f"{1000 * spent:.2f}"))
    print(tabulate(rows, ("workers", "loader", "wall ms an image", "processor ms an image"), "github", disable_numparse=True))


if __name__ == "__main__":
    main()
