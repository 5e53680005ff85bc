"""Fixed, recorded parts of a data set: train, rating slice, validation, all from the training images; and the test images.

Nothing that chooses (training, rating, search, the best epoch) ever sees a test image: they serve the final number alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, ImageSet, Normalisation
from dna_deploy.data.randomness import generator
from dna_deploy.errors import UsageError
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.operations import FeatureMap


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

    @property
    def counts(self) -> dict[str, int]:
        """How many images each part has."""
        parts = {"train": self.train, "rating": self.rating, "validation": self.validation, "test": self.test}
        return {name: len(split) for name, split in parts.items()}


def load_data(config: DataConfig, shape: FeatureMap) -> ImageData:
    """The images that ``config`` names, for networks that take ``shape``."""
    return divide(load_dataset(config.dataset, config.folder, shape), config)


def divide(dataset: Dataset, config: DataConfig) -> ImageData:
    """Divides a data set: validation and rating first, so that they stay the same whatever number is trained on.

    Raises:
        UsageError: it has too few training images.
    """
    total = len(dataset.training)
    few = max(1, min(2000, total // 10))
    for_rating, for_validation = config.rating_images or few, config.validation_images or few
    wanted = for_rating + for_validation + (config.train_images or 1)
    if wanted > total:
        raise UsageError(
            f"{dataset.name} has {total} training images; {wanted} are asked for "
            f"({config.train_images or 1} train, {for_rating} rating, {for_validation} validation)",
            "ask for fewer",
        )
    order = torch.randperm(total, generator=generator(config.seed, "splits"))
    validation, rest = order[:for_validation], order[for_validation:]
    rating, rest = rest[:for_rating], rest[for_rating:]
    train = rest[: config.train_images]
    parts = [for_rating, for_validation, len(train), config.seed]
    return ImageData(
        config,
        dataset.name,
        digest_of(f"{dataset.digest} {parts}".encode()),
        dataset.shape,
        dataset.classes,
        dataset.normalisation,
        Split(dataset.training, train),
        Split(dataset.training, rating),
        Split(dataset.training, validation),
        Split(dataset.test, torch.arange(len(dataset.test))),
    )


def divide_up_to(dataset: Dataset, config: DataConfig, most: int | None) -> ImageData:
    """A data set divided, with so many training images if there are so many, else with all; None takes all."""
    available = len(divide(dataset, config.model_copy(update={"train_images": None})).train)
    return divide(dataset, config.model_copy(update={"train_images": available if most is None else min(available, most)}))
