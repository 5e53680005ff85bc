"""Images of a data set as networks receive them, sliced on demand, so that a large set never lies in memory at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dna_deploy.data.image_set import Normalisation
from dna_deploy.data.splits import ImageData, Split


@dataclass(frozen=True)
class NormalisedImages:
    """So many images of a split, evenly spread, ``(images, channels, height, width)``, normalised as in training."""

    split: Split
    normalisation: Normalisation
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, which: slice, /) -> torch.Tensor:
        return self.normalisation(self.split.images(spread_positions(self.split, self.count)[which]))


@dataclass(frozen=True)
class ImageLabels:
    """Their classes, ``(images,)``."""

    split: Split
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, which: slice, /) -> torch.Tensor:
        return self.split.labels(spread_positions(self.split, self.count)[which])


def spread_positions(split: Split, count: int) -> torch.Tensor:
    """Positions from the whole of a split, whose images may stand class by class."""
    return torch.arange(count) * len(split) // max(1, count)


def images_and_labels(data: ImageData, split: Split, limit: int | None = None) -> tuple[NormalisedImages, ImageLabels]:
    """``limit`` images of a split, evenly spread, with their classes; all of them where there is no limit."""
    count = min(len(split), len(split) if limit is None else limit)
    return NormalisedImages(split, data.normalisation, count), ImageLabels(split, count)
