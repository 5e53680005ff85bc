"""An opened image as eight bits a channel: upright, without transparency, and of a range that keeps the picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

Mode: TypeAlias = Literal["L", "RGB"]
Range: TypeAlias = tuple[float, float]
"""The values that become black and white."""

FULL_SCALES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""Of 8, 10, 12, 14 and 16 bits."""

NEGATIVE = "negative"
"""A mark in what is known of a deep image whose lowest value is white. Pillow turns only bytes round."""

DIM = "dim"
"""A mark in that of a colour image of 16 bits a channel that leaves the upper two empty. Pillow keeps the upper eight alone."""

_ALPHA_MODES = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})


@dataclass(frozen=True)
class Rendering:
    """How the images of a data set become bytes: the same for all of them, so that they stay comparable."""

    background: tuple[int, int, int] = (255, 255, 255)
    integers: Range | None = None
    """Of deep images of whole numbers; None takes each image's own."""
    floats: Range | None = None
    """Of images of fractions."""


def is_deep(image: Image.Image) -> bool:
    """Whether its values are not bytes: 16 or 32 bits, or fractions."""
    return image.mode.startswith("I") or image.mode == "F"


def deep_values(image: Image.Image) -> npt.NDArray[np.float64]:
    """The values of a deep image, ``(height, width)``.

    Raises:
        ValueError: some are not numbers.
    """
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("some values are NaN or infinite")
    return values


def full_range(lowest: float, highest: float, *, is_float: bool) -> Range:
    """Black and white for values between these: the depth that they need, and from the lowest where it is negative.

    Fractions up to 1 end there. What is deeper than 16 bits ends at its highest value.
    """
    scales = (1.0, *FULL_SCALES) if is_float else FULL_SCALES
    white = next((scale for scale in scales if highest <= scale), highest)
    return (lowest, highest) if lowest < 0 else (0.0, white)


def eight_bits(image: Image.Image, rendering: Rendering) -> Image.Image:
    """A deep image as bytes; others as they are."""
    if not is_deep(image):
        return image
    values = deep_values(image)
    is_float = image.mode == "F"
    own = rendering.floats if is_float else rendering.integers
    black, white = own or full_range(float(values.min()), float(values.max()), is_float=is_float)
    span = max(white - black, np.finfo(np.float64).tiny)
    grey = ((values - black) * (255 / span)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(255 - grey if NEGATIVE in image.info else grey)


def is_transparent(image: Image.Image) -> bool:
    """Whether anything shows through it."""
    if image.mode not in _ALPHA_MODES and "transparency" not in image.info:
        return False
    return not is_deep(image) and _with_alpha(image).getchannel("A").getextrema()[0] != 255


def as_mode(image: Image.Image, mode: Mode, rendering: Rendering) -> Image.Image:
    """Grey or colour bytes, whatever the image holds; transparent places show the background."""
    image = eight_bits(image, rendering)
    if image.mode == "LAB":  # Pillow itself converts every mode but this
        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        coloured = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        image = coloured or image
    if is_transparent(image):
        alpha = _with_alpha(image)
        below = Image.new("RGBA", alpha.size, (*rendering.background, 255))
        image = Image.alpha_composite(below, alpha)
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in ("La", "RGBa"):
        image = _with_alpha(image)
    return image.convert(mode)


def turn_of(image: Image.Image) -> int:
    """The orientation that EXIF says, 1 (upright) to 8; 1 where it says nothing that can be read."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error, Warning):
        return 1
    return orientation if orientation in range(1, 9) else 1


def upright(image: Image.Image) -> Image.Image:
    """The picture as its taker saw it."""
    return image if turn_of(image) == 1 else ImageOps.exif_transpose(image)


def _with_alpha(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA")
