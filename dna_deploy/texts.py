"""Text files as people's editors leave them, and other files as downloads leave them."""

from __future__ import annotations

import codecs


def decode_text(content: bytes) -> str:
    """The text in a file: UTF-8, or what its byte-order mark says.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


LOOKED_AT = 512
"""Bytes from the beginning of a file, of which `mistaken` sees what it is."""


def mistaken(begin: bytes) -> tuple[str, str] | None:
    """What a file is that lies in the place of weights, models or images after a download, and the way out; None of others."""
    text = begin.lstrip().lower()
    kinds = (
        (not begin, "is empty", "copy or download it again"),
        (text.startswith(b"version https://git-lfs"), "is a pointer of Git LFS, not the file itself", "git lfs pull"),
        (text.startswith((b"<!doctype", b"<html", b"<?xml")), "is a web page", "download the file itself"),
        (begin.startswith(b"\x1f\x8b"), "is packed with gzip", "unpack it: gunzip"),
    )
    return next(((words, hint) for is_kind, words, hint in kinds if is_kind), None)
