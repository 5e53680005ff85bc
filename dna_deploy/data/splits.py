"""Fixed, recorded parts of a data set: train, rating slice, validation, all from the training images; and the test images.

Nothing that chooses (training, rating, search, the best epoch) ever sees a test image: they serve the final number alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, ImageSet, Normalisation
from dna_deploy.data.randomness import generator
from dna_deploy.data.strata import Strata
from dna_deploy.data.survey import absent_classes
from dna_deploy.errors import UsageError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.records.preprocessing import Shown
from dna_deploy.spaces.shapes import FeatureMap


@dataclass(frozen=True, eq=False)
class Split:
    """Some images of a set, in a fixed order; positions count within the split."""

    source: ImageSet
    indices: torch.Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def images(self, positions: torch.Tensor) -> torch.Tensor:
        """Images as unsigned bytes, ``(batch, channels, height, width)``."""
        return self.source.images(self.indices[positions])

    def labels(self, positions: torch.Tensor) -> torch.Tensor:
        """Classes, ``(batch,)``."""
        return self.source.labels(self.indices[positions])


@dataclass(frozen=True)
class ImageData:
    """A data set divided for good. Equal digests mean equal images in equal parts in equal order."""

    config: DataConfig
    name: str
    digest: str
    shape: FeatureMap
    classes: tuple[str, ...]
    normalisation: Normalisation
    train: Split
    rating: Split
    validation: Split
    test: Split
    notices: tuple[str, ...] = ()
    """What was left out and why, and what is unusual."""
    skipped: int = 0
    """Images that could not be read, and were left out as asked."""
    shown: Shown | None = None
    """How images that are transparent or deep become bytes, where they come from files."""

    @property
    def summary(self) -> str:
        """One line: classes, images of each part, and how many were left out."""
        parts = ", ".join(f"{count:,} {part}" for part, count in self.counts.items())
        left_out = f"; {self.skipped:,} that cannot be read were left out" if self.skipped else ""
        return f"{self.name}: {len(self.classes):,} classes; images: {parts}{left_out}"

    @property
    def counts(self) -> dict[str, int]:
        """How many images each part has."""
        parts = {"train": self.train, "rating": self.rating, "validation": self.validation, "test": self.test}
        return {name: len(split) for name, split in parts.items()}


def load_data(config: DataConfig, shape: FeatureMap, *, on_progress: OnProgress = silent) -> ImageData:
    """The images that ``config`` names, for networks that take ``shape``."""
    return divide(load_dataset(config.dataset, config.folder, shape, config, on_progress=on_progress), config)


def divide(dataset: Dataset, config: DataConfig) -> ImageData:
    """Divides a data set: validation and rating first, so that they stay the same whatever number is trained on.

    Raises:
        UsageError: it has too few training images.
    """
    return _divided(dataset, config, positions_of_parts(dataset.name, len(dataset.training), dataset.strata, config))


def _divided(dataset: Dataset, config: DataConfig, parts: Positions) -> ImageData:
    counts = [len(parts.rating), len(parts.validation), len(parts.train), config.seed]
    return ImageData(
        config,
        dataset.name,
        digest_of(f"{dataset.digest} {counts}".encode()),
        dataset.shape,
        dataset.classes,
        dataset.normalisation,
        Split(dataset.training, parts.train),
        Split(dataset.training, parts.rating),
        Split(dataset.training, parts.validation),
        Split(dataset.test, torch.arange(len(dataset.test))),
        tuple(dict.fromkeys((*dataset.notices, *_absent_classes(dataset, parts)))),
        dataset.skipped,
        dataset.shown,
    )


class Positions(NamedTuple):
    """Which training images are in which part."""

    train: torch.Tensor
    rating: torch.Tensor
    validation: torch.Tensor


@lru_cache(maxsize=1)  # of one data set, whose parts are wanted in several sizes
def positions_of_parts(name: str, total: int, strata: Strata | None, config: DataConfig) -> Positions:
    """Divides ``total`` training images by a seed; no image is needed for it.

    Raises:
        UsageError: there are too few of them.
    """
    meant = strata.validation if strata else 0
    for_rating, for_validation = config.held_out(name, total, meant, len(np.unique(strata.classes)) if strata else 0)
    order = torch.randperm(total, generator=generator(config.seed, "splits"))
    if strata:
        train, rating, validation = strata.divide(order, for_rating, for_validation)
    else:
        validation, rating, train = order.tensor_split([for_validation, for_validation + for_rating])
    if (config.train_images or 1) > len(train):
        raise config.too_few(name, total, meant, for_rating, for_validation)
    parts = Positions(train[: config.train_images], rating, validation)
    if empty := [part for part, positions in parts._asdict().items() if not len(positions)]:
        raise UsageError(
            f"the {total} training images of {name} leave none for {' and '.join(empty)}",
            "a class needs three images or groups to be trained, rated and validated",
        )
    return parts


def _absent_classes(dataset: Dataset, parts: Positions) -> Iterator[str]:
    """What is said where a part has no image of a class."""
    if dataset.strata is None:
        return
    numbers = {part: np.unique(dataset.strata.classes[positions.numpy()]) for part, positions in parts._asdict().items()}
    present = {part: {dataset.classes[number] for number in own} for part, own in numbers.items()}
    yield from absent_classes(dataset.classes, present)


def divide_up_to(dataset: Dataset, config: DataConfig, most: int | None) -> ImageData:
    """A data set divided, with so many training images if there are so many, else with all; None takes all."""
    everything = config.model_copy(update={"train_images": None})
    parts = positions_of_parts(dataset.name, len(dataset.training), dataset.strata, everything)
    count = len(parts.train[:most])
    return _divided(dataset, config.model_copy(update={"train_images": count}), parts._replace(train=parts.train[:count]))
