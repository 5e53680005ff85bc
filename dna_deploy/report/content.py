"""What a section of the report is made of, before anyone thinks of HTML: facts, tables, remarks, plots, or what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dna_deploy.report.theme import PlotSize

Draw: TypeAlias = "Callable[[Figure, PlotSize], None]"
"""Draws on an empty figure that has the width of the shape; it may set the figure's height."""


@dataclass(frozen=True)
class Table:
    """Rows of text. Columns named in ``numbers`` are aligned to the right."""

    kind: ClassVar[str] = "table"
    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    is_folded: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and their values."""

    kind: ClassVar[str] = "facts"
    caption: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Remark:
    """A sentence that wants to be seen."""

    kind: ClassVar[str] = "remark"
    text: str
    tone: Literal["plain", "good", "doubt", "bad"] = "plain"


@dataclass(frozen=True)
class Doubts:
    """A grade and what speaks against a measurement: (grade, name, message, advice)."""

    kind: ClassVar[str] = "doubts"
    caption: str
    grade: str
    meaning: str
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class Plot:
    """A picture, with words for those who do not see it and the numbers behind it."""

    kind: ClassVar[str] = "plot"
    name: str
    title: str
    description: str
    draw: Draw
    numbers: Table | None = None


@dataclass(frozen=True)
class Slider:
    """The budget slider below a plot of the front: plain data for the page's script, and what it shows without one."""

    kind: ClassVar[str] = "slider"
    data: Mapping[str, object]
    plot: Plot


@dataclass(frozen=True)
class Missing:
    """Something that is not here, why, and the command that would make it."""

    kind: ClassVar[str] = "missing"
    reason: str
    command: str = ""


Piece: TypeAlias = Table | Facts | Remark | Doubts | Plot | Slider | Missing


@dataclass(frozen=True)
class Section:
    """One topic of the report."""

    key: str
    title: str
    lead: str
    pieces: tuple[Piece, ...] = field(default=())

    @property
    def missing(self) -> tuple[Missing, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Missing))
