"""A network as data: one short line of text, which its space reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, order=True)
class Architecture:
    """A network of a space, called by its line: parts with ``/`` between them. `ChainSpace.parse` checks one."""

    line: str

    @classmethod
    def of(cls, parts: Iterable[object]) -> Self:
        """The network that consists of these parts."""
        return cls("/".join(map(str, parts)))

    @property
    def parts(self) -> tuple[str, ...]:
        """What was chosen, part by part: a block each, in a chain."""
        return tuple(self.line.split("/"))

    def __str__(self) -> str:
        return self.line
