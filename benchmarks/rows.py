"""Rows of CSV files to which several processes add: what is there stays, a kill loses nothing, nothing is made twice."""

from __future__ import annotations

import csv
import fcntl
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dna_deploy.records.files import write_atomically

Row = Mapping[str, Any]
LOCKS = Path("runs/locks")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a file, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def add_rows(path: Path, rows: Sequence[Row]) -> None:
    """Adds rows of the columns that the file has, or begins it with the columns of the first row."""
    with waiting(path):
        lines = io.StringIO()
        if path.exists():
            lines.write(path.read_text())
            columns = next(csv.reader(io.StringIO(lines.getvalue())))
        else:
            columns = list(rows[0])
        writer = csv.DictWriter(lines, columns, lineterminator="\n")
        if not lines.getvalue():
            writer.writeheader()
        writer.writerows(rows)
        write_atomically(path, lines.getvalue().encode())


@contextmanager
def waiting(path: Path) -> Iterator[Path]:
    """The path, once no other process works on it."""
    with (_lock_of(path)).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


@contextmanager
def claimed(path: Path) -> Iterator[Path | None]:
    """The path, or None while another process works on it. A killed process claims nothing."""
    with (_lock_of(path)).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield path


def _lock_of(path: Path) -> Path:
    LOCKS.mkdir(parents=True, exist_ok=True)
    return LOCKS / ("-".join(path.absolute().parts[1:]) + ".lock")


def kept_row(path: Path, name: str, make: Callable[[], Row]) -> dict[str, Any]:
    """The numbers that ``make`` gave for ``name`` when it was called first, in this process or an earlier one."""
    for row in read_rows(path):
        if row["name"] == name:
            return {column: json.loads(cell) for column, cell in row.items() if column != "name"}
    made = dict(make())
    add_rows(path, [{"name": name, **made}])
    return made


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The object that ``make`` gave when it was called first."""
    if not path.exists():
        write_atomically(path, (json.dumps(make(), indent=1) + "\n").encode())
    values: dict[str, Any] = json.loads(path.read_text())
    return values
