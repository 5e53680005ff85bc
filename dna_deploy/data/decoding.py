"""A file as pixels of a wanted shape, whatever it holds: grey, colour, palette, transparency, CMYK, Lab, 16 bits, fractions."""

from __future__ import annotations

import importlib
import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from dna_deploy.data.config import MOST_MEGAPIXELS
from dna_deploy.data.rendering import DIM, NEGATIVE, Mode, Rendering, as_mode, is_deep, is_transparent, upright
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap

SMALLEST_SIDE = 8
"""Pixels; what is smaller shows nothing."""

RESIZE_RATIO = 256 / 224
"""The short side before the centre crop, relative to the crop: the usual evaluation recipe of ImageNet."""

LARGE_PIXELS = 89_478_485
"""Where Pillow begins to warn. Larger JPEG files are decoded at a fraction of their size, and large images one at a time."""

UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError, MemoryError,
    struct.error, zlib.error, Warning,
)  # fmt: skip
"""What Pillow raises about files that are damaged."""

_COLOURS = frozenset({"RGB", "RGBA", "LA"})
_DARK, _DIM = 16, 64  # of 256: what 12 and 14 bits reach
_PHOTOMETRIC = 262  # the TIFF tag, 0 where the lowest value is white
_MODES: dict[int, Mode] = {1: "L", 3: "RGB"}
_LIMIT_LOCK, _LARGE_LOCK = threading.Lock(), threading.Lock()

PngImagePlugin.MAX_TEXT_CHUNK = 64 << 20  # sound files carry whole histories of edits, which Pillow calls broken
warnings.filterwarnings("ignore", module=r"PIL\.")  # once for good: what is wrong with a file is said in our words
READS_HEIC = find_spec("pillow_heif") is not None
if READS_HEIC:
    importlib.import_module("pillow_heif").register_heif_opener()


class ImageFile(Protocol):
    """An encoded image, wherever it lies: a `Path`, or a member of an archive. Its text names it in errors."""

    def read_bytes(self) -> bytes: ...


def decode(
    file: ImageFile, shape: FeatureMap, rendering: Rendering | None = None, most_megapixels: float = MOST_MEGAPIXELS
) -> npt.NDArray[np.uint8]:
    """The image in a file, resized and centre-cropped, ``(channels, height, width)``.

    Raises:
        UsageError: the file is unreadable, broken, too large, or smaller than `SMALLEST_SIDE`.
    """
    mode = mode_of(shape)
    try:
        with opened(file.read_bytes(), most_megapixels) as image:
            return fitted(as_mode(upright(image), mode, rendering or Rendering()), shape)
    except UNREADABLE as error:
        raise UsageError(f"{file} {reason(error)}", "repair or remove the file") from error


@contextmanager
def opened(content: bytes, most_megapixels: float = MOST_MEGAPIXELS, *, is_reduced: bool = False) -> Iterator[Image.Image]:
    """The image in some bytes with its pixels; a JPEG file that is large, or ``is_reduced``, at a fraction of its size.

    Raises:
        ValueError: it is smaller than `SMALLEST_SIDE`, or larger than the limit.
        Exception: whatever Pillow raises, of which `reason` makes words.
    """
    with _open(content) as image:
        width, height = image.size
        if min(width, height) < SMALLEST_SIDE:
            raise ValueError(f"has {width}x{height} pixels; at least {SMALLEST_SIDE}x{SMALLEST_SIDE} are needed")
        if is_reduced or width * height > LARGE_PIXELS:
            image.draft(None, (width // 8, height // 8))
        megapixels = image.width * image.height / 1e6
        if megapixels > most_megapixels:
            raise ValueError(f"has {width}x{height} pixels, more than the limit of {most_megapixels:g} megapixels")
        is_wide = image.mode in _COLOURS and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
        with _LARGE_LOCK if image.width * image.height > LARGE_PIXELS else nullcontext():
            image.load()
            highest = _highest(image) if is_wide else 255
            if highest < _DARK:  # Pillow keeps the upper 8 bits, and nothing is in them
                raise ValueError("has 16 bits a channel and uses the lowest of them only; store it with 8 bits a channel")
            if highest < _DIM:
                image.info[DIM] = True
            if is_deep(image) and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
                image.info[NEGATIVE] = True
            yield image


def _highest(image: Image.Image) -> int:
    """Of all channels; an alpha that hides nothing, and so is always full, says nothing of the colours."""
    bands = (image if is_transparent(image) else image.convert("RGB")).split()
    return max(int(band.getextrema()[1]) for band in bands)  # type: ignore[arg-type]


def reason(error: Exception) -> str:
    """What is wrong with a file, to follow its name."""
    if isinstance(error, UnidentifiedImageError):
        return "is no image that Pillow can read"
    return str(error) if str(error).startswith("has ") else f"is broken ({error or type(error).__name__})"


def mode_of(shape: FeatureMap) -> Mode:
    """Grey or colour, as a shape has channels.

    Raises:
        UsageError: it has another number of them.
    """
    if shape.channels not in _MODES:
        raise UsageError(f"images have 1 or 3 channels; the space takes {shape.channels}")
    return _MODES[shape.channels]


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


def _open(content: bytes) -> Image.Image:
    """Opens without Pillow's own limit, which warns or refuses by a number of the whole process; `opened` has a limit."""
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(content))
        finally:
            Image.MAX_IMAGE_PIXELS = limit
