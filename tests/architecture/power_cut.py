"""A disk that loses what was not synced: watches a folder, and tells everything that a power cut could leave in it.

The model promises what POSIX does, and nothing that a file system adds to it:

- What a file holds is sure since it was last synced. What was written since then may be there, missing, cut off, or zeros.
- Which names a folder holds is sure since the folder was last synced. What happened to them since then is there up to some
  moment. Folders do not wait for each other, nor names for what the files hold.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

Names = dict[str, int]
"""What a folder holds, by inode."""

Left = dict[str, bytes]
"""Paths below the folder, and what the files hold."""

CHANGES_NAMES = ("open", "mkdir", "rmdir", "replace", "rename", "unlink", "remove")
_open = os.open


class Disk:
    """What a folder holds, and what of it is sure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, int] = {}  # everything stays open, so that nothing else gets its number
        self._sure: dict[int, bytes] = {}
        self._names: dict[int, list[Names]] = {}
        self._seen: dict[frozenset[tuple[str, bytes]], Left] = {}
        self._look()
        for history in self._names.values():
            del history[:-1]
        self._sure = {number: self._content(number) for number in self._held if number not in self._names}
        self._cut()

    def moment(self) -> None:
        """Something was written: the power may go now."""
        self._look()
        self._cut()

    def synced(self, opened: int) -> None:
        """A file or a folder was synced."""
        self._look()
        number = os.fstat(opened).st_ino
        if number in self._names:
            del self._names[number][:-1]
        elif number in self._held:
            self._sure[number] = self._content(number)
        self._cut()

    def left(self) -> list[Left]:
        """Everything that a cut at any moment could have left."""
        return list(self._seen.values())

    def left_now(self) -> list[Left]:
        """Everything that a cut at this moment could leave."""
        self._look()
        return list(self._leaves())

    def close(self) -> None:
        for opened in self._held.values():
            os.close(opened)

    def _look(self) -> None:
        for place, folders, files in os.walk(self._folder):
            names = {name: self._hold(Path(place, name)) for name in (*folders, *files)}
            history = self._names.setdefault(self._hold(Path(place)), [{}])
            if history[-1] != names:
                history.append(names)

    def _hold(self, path: Path) -> int:
        opened = _open(path, os.O_RDONLY)
        number = os.fstat(opened).st_ino
        if self._held.setdefault(number, opened) != opened:
            os.close(opened)
        return number

    def _cut(self) -> None:
        for left in self._leaves():
            self._seen[frozenset(left.items())] = left

    def _leaves(self) -> Iterator[Left]:
        folders = list(self._names)
        for histories in itertools.product(*(self._names[folder] for folder in folders)):
            names = dict(zip(folders, histories, strict=True))
            files = dict(_reachable("", self._hold(self._folder), names))
            for contents in itertools.product(*(self._contents(number) for number in files.values())):
                yield dict(zip(files, contents, strict=True))

    def _contents(self, number: int) -> list[bytes]:
        """What a file may hold after a cut."""
        now, sure = self._content(number), self._sure.get(number, b"")
        if now == sure:
            return [sure]
        kept = sure if now.startswith(sure) else b""
        rest = now[len(kept) :]
        return [sure, kept + rest[: len(rest) // 2], kept + bytes(len(rest)), now]

    def _content(self, number: int) -> bytes:
        opened = self._held[number]
        return os.pread(opened, os.fstat(opened).st_size, 0)


@contextmanager
def watched(folder: Path) -> Iterator[Disk]:
    """The disk below a folder, while something is written there. What is there already is sure."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = Disk(folder)

    def telling(call: Callable[..., Any], tell: Callable[..., None]) -> Callable[..., Any]:
        def told(*arguments: Any, **named: Any) -> Any:
            done = call(*arguments, **named)
            tell(*arguments)
            return done

        return told

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(os, "fsync", telling(os.fsync, disk.synced)))
        for name in CHANGES_NAMES:
            patches.enter_context(mock.patch.object(os, name, telling(getattr(os, name), lambda *_: disk.moment())))
        yield disk
    disk.moment()
    disk.close()


def restore(left: Left, folder: Path) -> Path:
    """Puts what a cut has left into a folder, for whoever reads it after the restart."""
    folder.mkdir(parents=True)
    for path, held in left.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(held)
    return folder


def _reachable(place: str, folder: int, names: dict[int, Names]) -> Iterator[tuple[str, int]]:
    """The files that a folder leads to, by their paths."""
    for name, number in names[folder].items():
        if number in names:
            yield from _reachable(f"{place}{name}/", number, names)
        else:
            yield f"{place}{name}", number
