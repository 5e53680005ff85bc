"""What names of files and folders say: a part of the data set, an image, or something that a system left behind."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, TypeAlias

SplitName: TypeAlias = Literal["train", "validation", "test"]

_PARTS: dict[str, SplitName] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip

LEFTOVERS = frozenset(
    {
        "__macosx", "@eadir", "#recycle", "#snapshot", "$recycle.bin", "recycler", "recycled", "system volume information",
        "lost+found", "lost&found", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "thumbnails", "_thumbs",
        "@recycle", "@recently-snapshot", "network trash folder", "temporary items", "found.000",
    }
)  # fmt: skip
"""Files and folders, in lower case, that systems, servers and editors leave beside images. So is all that begins with a dot."""

IMAGE_ENDINGS = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp",
        ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".qoi", ".jp2", ".j2k", ".jpf", ".jpx",
        ".avif", ".heic", ".heif", ".hif",
    }
)  # fmt: skip

_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"qoif",
    b"P4\n", b"P5\n", b"P6\n",
)  # fmt: skip
SIGNATURE_BYTES = 12


def part_of(name: str) -> SplitName | None:
    """The part that a name speaks of, by one of its words: ``Val``, ``seg_test``, ``imagenet1k-validation-07.tar``.

    None where no word or several parts are named.
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    parts = {_PARTS[word.lower()] for word in words if word.lower() in _PARTS}
    return parts.pop() if len(parts) == 1 else None


def is_leftover(name: str) -> bool:
    """Whether a system left it behind, or it is hidden."""
    return name.startswith(".") or name.lower() in LEFTOVERS


def ending_of(name: str) -> str:
    """The ending in lower case, with its dot; empty where there is none, or only a number, as in ``0001`` and ``img.001``."""
    stem, dot, ending = name.rpartition(".")
    if not dot or "/" in ending or ending.isdecimal() or not stem or stem[-1] == "/":
        return ""
    return f".{ending.lower()}"


def begins_as_image(content: bytes) -> bool:
    """Whether the first `SIGNATURE_BYTES` are those of an image."""
    is_container = content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"heic", b"heix", b"mif1")
    return content.startswith(_SIGNATURES) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP") or is_container


def class_name(name: str) -> str:
    """The name of a class as networks, cards and tables carry it: one spelling for every system, and always UTF-8."""
    return unicodedata.normalize("NFC", readable(name))


def readable(name: str) -> str:
    """A name that can be printed and written: bytes that are no UTF-8 become their numbers."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
