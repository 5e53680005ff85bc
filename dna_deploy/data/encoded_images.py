"""Encoded images as an image set: decoded when they are asked for, and kept where all of them fit in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dna_deploy.data.decoding import ImageFile, decode
from dna_deploy.data.rendering import Rendering
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.machine import usable_processors

STORED_BYTES = 2 << 30
"""Of sets up to this size each image is decoded once; larger ones are decoded whenever they are seen."""


class EncodedImages:
    """Images that are decoded by as many threads as there are processors for this process.

    What nobody asks for is never decoded and takes no memory. Another process is sent what was decoded so far.
    """

    def __init__(
        self,
        files: Sequence[ImageFile],
        classes: npt.NDArray[np.int64],
        shape: FeatureMap,
        rendering: Rendering,
        most_megapixels: float,
    ) -> None:
        self._files, self.classes = tuple(files), classes
        self._shape, self._rendering, self._most_megapixels = shape, rendering, most_megapixels
        self._pixels: npt.NDArray[np.uint8] | None = None
        if len(files) * shape.elements <= STORED_BYTES:
            self._pixels = np.empty((len(files), shape.channels, shape.height, shape.width), np.uint8)  # touched when filled
        self._is_decoded = np.zeros(len(files), np.bool_)

    def __len__(self) -> int:
        return len(self._files)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Some images, ``(batch, channels, height, width)`` as unsigned bytes.

        Raises:
            UsageError: a file was broken after it was checked.
        """
        positions = indices.numpy()
        if self._pixels is None:
            return torch.from_numpy(np.stack(self._decode(positions)))
        missing = np.unique(positions[~self._is_decoded[positions]])
        if len(missing):
            self._pixels[missing] = self._decode(missing)
            self._is_decoded[missing] = True
        return torch.from_numpy(self._pixels[positions])

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        """Their classes, ``(batch,)``."""
        return torch.from_numpy(self.classes[indices.numpy()])

    def _decode(self, positions: npt.NDArray[np.int64]) -> list[npt.NDArray[np.uint8]]:
        files = [self._files[position] for position in positions]
        with ThreadPoolExecutor(len(usable_processors())) as pool:
            return list(pool.map(lambda file: decode(file, self._shape, self._rendering, self._most_megapixels), files))

    def __getstate__(self) -> dict[str, Any]:
        decoded = None if self._pixels is None else self._pixels[self._is_decoded]
        return {**self.__dict__, "_pixels": decoded}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if (decoded := self._pixels) is not None:
            self._pixels = np.empty((len(self._files), *decoded.shape[1:]), np.uint8)
            self._pixels[self._is_decoded] = decoded
