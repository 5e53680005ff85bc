"""How commands speak: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tabulate import tabulate

from dna_deploy.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

JSON_SCHEMA_VERSION = 1
WIDTH = 80
_GAP, _PADDING = 2, 2
"""Columns that tabulate puts between columns, and beside a header."""
_SHORT = 14
"""Cells such as ``1.2 ± 0.1 ms`` are read as one, and rather stick out than break."""

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def print_result(text: str) -> None:
    """A result for a person, on standard output.

    Raises:
        UsageError: it is a file on a disk that is full.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        words = f"cannot write the result to standard output: {error.strerror or error}"
        raise UsageError(words, "free some space, or send it elsewhere") from error


def print_json(command: str, **values: object) -> None:
    """A result for a program: one JSON object on standard output, SI units in the keys."""
    body = {"schema_version": JSON_SCHEMA_VERSION, "command": command, **values}
    print_result(json.dumps(body, indent=1, allow_nan=False))


def note(text: str) -> None:
    """A remark, a warning or a next step, on standard error; not said when quiet."""
    if not is_quiet():
        complain(text)


def note_new(folder: Path) -> None:
    """Says that a folder is made together with those above it, as a mistyped place would be."""
    if not folder.parent.exists():
        note(f"making the folder {folder}")


def complain(text: str) -> None:
    """An error, on standard error, always."""
    sys.stderr.write(text + "\n")


def be_quiet(is_quiet: bool) -> None:
    """Whether to say nothing but results and errors."""
    _QUIET.set(is_quiet)


def is_quiet() -> bool:
    """Whether only results and errors are wanted."""
    return _QUIET.get()


def aligned(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """Rows as an aligned table of 80 columns, if that can be; numbers that are already text keep their digits."""
    kind, texts = "simple" if headers else "plain", [[str(cell) for cell in row] for row in rows]
    return tabulate(texts, headers, kind, disable_numparse=True, maxcolwidths=_limits(texts, headers))


def _limits(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> list[int | None] | None:
    """How wide columns may be so that the table fits: the widest gives way first; no word and no short cell is broken."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    taken = [max(width, len(headers[index]) + _PADDING if headers else 0) for index, width in enumerate(widths)]
    excess = sum(taken) + _GAP * (len(taken) - 1) - WIDTH
    limits: list[int | None] = [None] * len(columns)
    for index in sorted(range(len(columns)), key=lambda index: -widths[index]):
        if excess <= 0:
            break
        longest = max(len(word) for cell in columns[index] for word in cell.split() or [""])
        limits[index] = max(longest, taken[index] - excess, min(widths[index], _SHORT))
        excess -= taken[index] - max(limits[index] or 0, len(headers[index]) + _PADDING if headers else 0)
    return limits if any(limits) else None


def error_console() -> Console:
    """Standard error as rich sees it: whether it is a terminal, how wide, and whether ``NO_COLOR`` is set."""
    from rich.console import Console

    return Console(stderr=True)
