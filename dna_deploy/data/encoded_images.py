"""Encoded images of any origin as an image set: decoded once where they fit in memory, else whenever they are seen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dna_deploy.data.decoding import ImageFile, decode
from dna_deploy.data.image_set import IMAGENET_NORMALISATION, ImageSet, Normalisation, StoredImages
from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import FeatureMap

STORED_BYTES = 2 << 30
"""Sets up to this size are decoded once and kept in memory; larger ones are decoded whenever they are seen."""

Labelled = Sequence[tuple[ImageFile, int]]
"""Images and the numbers of their classes."""


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """Images that are decoded when they are asked for, by as many threads as there are processors."""

    files: tuple[ImageFile, ...]
    classes: npt.NDArray[np.int64]
    shape: FeatureMap

    def __len__(self) -> int:
        return len(self.files)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda index: decode(self.files[index], self.shape), indices.tolist()))
        return torch.from_numpy(np.stack(found))

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.classes[indices.numpy()])


def image_set(files: Labelled, shape: FeatureMap) -> ImageSet:
    """The images at a shape, in their order.

    Raises:
        UsageError: some of them cannot be used, and all were decoded to see it.
    """
    images = EncodedImages(tuple(file for file, _ in files), np.array([number for _, number in files], np.int64), shape)
    if len(images) * shape.elements > STORED_BYTES:
        return images
    return StoredImages(_decode_all(images), images.classes)


def usual_normalisation(shape: FeatureMap) -> Normalisation:
    """What images of unknown origin are normalised by: ImageNet's constants for colour."""
    return IMAGENET_NORMALISATION if shape.channels == 3 else Normalisation((0.5,) * shape.channels, (0.25,) * shape.channels)


def _decode_all(images: EncodedImages) -> npt.NDArray[np.uint8]:
    """Every image, or one error that counts all the broken ones."""
    broken: list[UsageError] = []
    pixels = np.empty((len(images), images.shape.channels, images.shape.height, images.shape.width), np.uint8)

    def fill(index: int) -> None:
        try:
            pixels[index] = decode(images.files[index], images.shape)
        except UsageError as error:
            broken.append(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(len(images))))
    if broken:
        first = min(broken, key=lambda error: error.message)
        others = f" (and {len(broken) - 1} more files like it)" if len(broken) > 1 else ""
        raise UsageError(first.message + others, first.hint)
    return pixels
