"""How commands speak: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from rich.progress import Progress

JSON_SCHEMA_VERSION = 1


def print_result(text: str) -> None:
    """A result for a person, on standard output."""
    sys.stdout.write(text + "\n")


def print_json(command: str, **values: object) -> None:
    """A result for a program: one JSON object on standard output, SI units in the keys."""
    body = {"schema_version": JSON_SCHEMA_VERSION, "command": command, **values}
    sys.stdout.write(json.dumps(body, indent=1, allow_nan=False) + "\n")


def note(text: str) -> None:
    """A remark, a warning or a next step, on standard error."""
    sys.stderr.write(text + "\n")


def aligned(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """Rows as an aligned table; numbers that are already text keep their digits."""
    return tabulate(rows, headers=headers, tablefmt="simple" if headers else "plain", disable_numparse=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A rich progress view on standard error; draws only on a terminal and honours ``NO_COLOR``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress
