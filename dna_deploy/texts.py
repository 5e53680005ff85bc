"""Text files as people's editors leave them."""

from __future__ import annotations

import codecs


def decode_text(content: bytes) -> str:
    """The text in a file: UTF-8, or what its byte-order mark says.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
