"""A file as pixels of a wanted shape, whatever it holds: grey, colour, palette, transparency, CMYK, 16 bits."""

from __future__ import annotations

import io
import warnings
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import FeatureMap

SMALLEST_SIDE = 8
"""Pixels; what is smaller shows nothing."""

RESIZE_RATIO = 256 / 224
"""The short side before the centre crop, relative to the crop: the usual evaluation recipe of ImageNet."""

_MODES = {1: "L", 3: "RGB"}


class ImageFile(Protocol):
    """An encoded image, wherever it lies: a `Path`, or a member of an archive. Its text names it in errors."""

    def read_bytes(self) -> bytes: ...


def decode(file: ImageFile, shape: FeatureMap) -> npt.NDArray[np.uint8]:
    """The image in a file, resized and centre-cropped, ``(channels, height, width)``.

    Raises:
        UsageError: the file is unreadable, broken, or smaller than `SMALLEST_SIDE`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file.read_bytes())) as image:
                image.load()
                _check_size(image, file)
                return fitted(_eight_bits(image).convert(_mode(shape)), shape)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        what = "no image" if isinstance(error, UnidentifiedImageError) else f"broken ({error})"
        raise UsageError(f"{file} is {what}", "repair or remove the file") from error


def _check_size(image: Image.Image, file: ImageFile) -> None:
    if min(image.size) < SMALLEST_SIDE:
        raise UsageError(
            f"{file} has {image.width}x{image.height} pixels; at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed",
            "remove the file, or give larger images",
        )


def _mode(shape: FeatureMap) -> str:
    if shape.channels not in _MODES:
        raise UsageError(f"images have 1 or 3 channels; the space takes {shape.channels}")
    return _MODES[shape.channels]


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen-bit grey keeps its picture; a plain conversion would clip it to white."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, dtype=np.float64)
    return Image.fromarray((values / 257).clip(0, 255).astype(np.uint8))


def fitted(image: Image.Image, shape: FeatureMap) -> npt.NDArray[np.uint8]:
    """An image of the right mode, resized and centre-cropped, ``(channels, height, width)``."""
    height, width = canvas_of(shape)
    canvas = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    left, top = (width - shape.width) // 2, (height - shape.height) // 2
    pixels = np.asarray(canvas.crop((left, top, left + shape.width, top + shape.height)), dtype=np.uint8)
    return np.ascontiguousarray(pixels.reshape(shape.height, shape.width, shape.channels).transpose(2, 0, 1))


def canvas_of(shape: FeatureMap) -> tuple[int, int]:
    """Height and width to which an image is resized before its middle is taken."""
    ratio = RESIZE_RATIO if min(shape.height, shape.width) >= 64 else 1.0  # small canvases have no border to lose
    return round(shape.height * ratio), round(shape.width * ratio)
