"""Images in a fixed order, and what a data set says about itself. Decoding, storage and labels are behind two methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from dna_deploy.data.strata import Strata
from dna_deploy.records.files import digest_of
from dna_deploy.records.preprocessing import Shown
from dna_deploy.spaces.shapes import FeatureMap

AS_FOLDER = ", or give the images as a folder: those are resized, and made grey or colour, for any space"
"""The way out where a data set has images of another shape than a space takes."""


class ImageSet(Protocol):
    """Images with labels. Label-free methods never call `labels`, which a test proves with a set that refuses it."""

    def __len__(self) -> int: ...

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Some images, ``(batch, channels, height, width)`` as unsigned bytes."""
        ...

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        """Their classes, ``(batch,)`` as 64-bit integers."""
        ...


@dataclass(frozen=True, eq=False)
class StoredImages:
    """A set that is small enough to lie in memory."""

    pixels: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.pixels[indices.numpy()])

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.classes[indices.numpy()])

    @cached_property
    def digest(self) -> str:
        """Names the very bytes."""
        return digest_of(self.pixels.tobytes() + self.classes.tobytes())


@dataclass(frozen=True)
class Normalisation:
    """What is done to a byte before a network sees it: ``(byte / 255 - mean) / deviation``, a number a channel."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unsigned bytes ``(batch, channels, height, width)`` as what networks take, in channels-last memory."""
        shape = (1, -1, 1, 1)
        mean = torch.tensor(self.mean, device=pixels.device).view(shape)
        deviation = torch.tensor(self.deviation, device=pixels.device).view(shape)
        return ((pixels.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


IMAGENET_NORMALISATION = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The constants that nearly every pretrained network was trained with."""


@dataclass(frozen=True)
class Dataset:
    """A data set as found: training images, test images, and what they mean."""

    name: str
    digest: str
    shape: FeatureMap
    classes: tuple[str, ...]
    normalisation: Normalisation
    training: ImageSet
    test: ImageSet
    strata: Strata | None = None
    """How training images are to be divided; None divides the whole list by chance."""
    notices: tuple[str, ...] = ()
    """What was left out and why, and what is unusual about the images."""
    skipped: int = 0
    """Images that could not be read, and were left out as asked."""
    shown: Shown | None = None
    """How images that are transparent or deep become bytes, where they come from files."""
