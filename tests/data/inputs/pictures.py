"""Pictures that are right or wrong in one way each, as the bytes of a file."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

HALVES = np.zeros((40, 60, 3), np.uint8)
HALVES[:, :30] = (250, 10, 10)
HALVES[:20, 30:] = (10, 10, 250)
"""Red on the left, blue above black on the right: every turn of it differs."""


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """An image as a file of a kind."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def noise(seed: int, height: int = 40, width: int = 50) -> bytes:
    """A picture like no other, as PNG."""
    return encoded(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def turned(orientation: int, kind: str) -> bytes:
    """`HALVES` stored turned, with the orientation that undoes it."""
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    image, exif = Image.fromarray(HALVES), Image.Exif()
    exif[0x0112] = orientation
    return encoded(image if undo is None else image.transpose(undo), kind, exif=exif)


def see_through(mode: str) -> bytes:
    """A picture of which nothing can be seen, with black under the transparency."""
    match mode:
        case "P":
            return encoded(Image.new("P", (40, 40), 0), transparency=b"\0")
        case "palette-colour":
            return encoded(Image.new("P", (40, 40), 0), "GIF", transparency=0)
        case "RGB":
            return encoded(Image.new("RGB", (40, 40)), transparency=(0, 0, 0))
        case "L":
            return encoded(Image.new("L", (40, 40)), transparency=0)
        case "RGBA-webp":
            return encoded(Image.new("RGBA", (40, 40)), "WEBP", lossless=True)
        case _:
            return encoded(Image.new(mode, (40, 40)))


def deep(dtype: type[np.generic], highest: float, lowest: float = 0) -> bytes:
    """A picture whose left half has the lowest value and whose right half the highest, as TIFF."""
    values = np.full((40, 40), lowest, dtype)
    values[:, 20:] = highest
    return encoded(values, "TIFF")


def white_is_lowest(tiff: bytes) -> bytes:
    """The same little-endian TIFF, whose lowest value is said to be white (photometric interpretation 0)."""
    tag = struct.pack("<HHI", 262, 3, 1)
    assert tiff.count(tag) == 1
    return tiff.replace(tag + b"\1", tag + b"\0")


def sixteen_bit_colour(value: int, alpha: int | None = None) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write; with an alpha channel, or none."""
    pixel = struct.pack(">H", value) * 3 + (b"" if alpha is None else struct.pack(">H", alpha))
    rows = b"".join(b"\0" + pixel * 40 for _ in range(40))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 40, 40, 16, 2 if alpha is None else 6, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )


def lab() -> bytes:
    """`HALVES` in the Lab colour space."""
    profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
    image = ImageCms.profileToProfile(Image.fromarray(HALVES), *profiles, outputMode="LAB")
    assert image is not None
    return encoded(image, "TIFF")
