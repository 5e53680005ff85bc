"""Every file under a folder with what tells whether it was touched, and what was left out and why. Nothing is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from dna_deploy.data.file_names import is_leftover, readable
from dna_deploy.errors import UsageError

Stamp = tuple[int, int, int, int]
"""Size in bytes, times of the last change of content and of the entry in nanoseconds, inode: equal ones mean equal bytes."""

LEFTOVER = "hidden files, and what systems leave behind"
_SHOWN = 3


@dataclass
class LeftOut:
    """What a data set does not use: reasons, and the files or folders that each is true of."""

    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, *names: str) -> None:
        """Counts files or folders under a reason."""
        if names:
            self.names.setdefault(reason, []).extend(names)

    def lines(self) -> tuple[str, ...]:
        """One line a reason: how many, why, and the first of them."""
        return tuple(f"left out {reason}: {enumerated(names)}" for reason, names in self.names.items())


class TreeFile(NamedTuple):
    """A file below the folder; ``name`` is its path from there, with slashes."""

    name: str
    stamp: Stamp


@dataclass(frozen=True)
class Tree:
    """All files below a folder, in the order of their names."""

    root: Path
    files: tuple[TreeFile, ...]
    folders: tuple[str, ...]
    """Every folder below it, empty ones included."""


def read_tree(root: Path, left_out: LeftOut) -> Tree:
    """Lists a folder; links are followed, but never in circles.

    Raises:
        UsageError: it is no folder, or what lies in it cannot be read.
    """
    if not root.is_dir():
        raise UsageError(f"there is no folder {readable(str(root))}", "give a folder with one folder of images a class")
    files: list[TreeFile] = []
    folders: list[str] = []
    try:
        _collect(str(root), "", (os.path.realpath(root),), (files, folders), left_out)
    except OSError as error:
        place = readable(str(Path(error.filename or root)))
        raise UsageError(f"cannot read {place}: {error.strerror or error}", "make it readable, or move it away") from error
    return Tree(root, tuple(files), tuple(folders))


def enumerated(names: list[str]) -> str:
    """How many, and the first of them: ``12 (a.txt, b.txt, c.txt, ...)``."""
    first = ", ".join(readable(name) for name in names[:_SHOWN])
    return f"{len(names):,} ({first}{', ...' if len(names) > _SHOWN else ''})"


def _collect(root: str, below: str, above: tuple[str, ...], into: tuple[list[TreeFile], list[str]], left_out: LeftOut) -> None:
    """Adds what lies in a folder, in the order of its names; ``above`` holds the real paths of the folders on the way."""
    files, folders = into
    for entry in _entries(root, below):
        name = below + entry.name
        if is_leftover(entry.name):
            left_out.add(LEFTOVER, name)
        elif entry.is_file():
            state = entry.stat()
            files.append(TreeFile(name, (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)))
        elif entry.is_dir():
            real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if real in above:
                left_out.add("links to a folder that they lie in", name)
            else:
                folders.append(name)
                _collect(root, f"{name}/", (*above, real), into, left_out)
        elif entry.is_symlink():
            files.append(TreeFile(name, NOWHERE))
        else:
            left_out.add("what is neither a file nor a folder", name)


NOWHERE: Stamp = (-1, 0, 0, 0)
"""Of a link that leads to nothing."""


def _entries(root: str, below: str) -> list[os.DirEntry[str]]:
    with os.scandir(os.path.join(root, below)) as entries:  # noqa: PTH118 - strings: Path would double the time
        return sorted(entries, key=attrgetter("name"))
