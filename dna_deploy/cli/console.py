"""How commands speak: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from rich.console import Console

JSON_SCHEMA_VERSION = 1
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def print_result(text: str) -> None:
    """A result for a person, on standard output."""
    sys.stdout.write(text + "\n")


def print_json(command: str, **values: object) -> None:
    """A result for a program: one JSON object on standard output, SI units in the keys."""
    body = {"schema_version": JSON_SCHEMA_VERSION, "command": command, **values}
    sys.stdout.write(json.dumps(body, indent=1, allow_nan=False) + "\n")


def note(text: str) -> None:
    """A remark, a warning or a next step, on standard error; not said when quiet."""
    if not is_quiet():
        complain(text)


def complain(text: str) -> None:
    """An error, on standard error, always."""
    sys.stderr.write(text + "\n")


def be_quiet(wanted: bool) -> None:
    """Whether to say nothing but results and errors."""
    _QUIET.set(wanted)


def is_quiet() -> bool:
    """Whether only results and errors are wanted."""
    return _QUIET.get()


def aligned(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """Rows as an aligned table; numbers that are already text keep their digits."""
    return tabulate(rows, headers=headers, tablefmt="simple" if headers else "plain", disable_numparse=True)


def error_console() -> Console:
    """Standard error as rich sees it: whether it is a terminal, how wide, and whether ``NO_COLOR`` is set."""
    from rich.console import Console

    return Console(stderr=True)
