"""The size of pictures that a file takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from dna_deploy.errors import UsageError


@dataclass(frozen=True)
class PictureSize:
    """The pictures that a file takes: of one height and width, or of any (both None)."""

    height: int | None = None
    width: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a user wrote: ``480x640``, height first, or ``any``."""
        if text == "any":
            return cls()
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
        if match is None:
            raise UsageError(f"cannot use the picture size {text!r}", "write height x width such as 480x640, or 'any'")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return "any size" if self.height is None else f"{self.height}x{self.width}"
