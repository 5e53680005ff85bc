"""Results kept line by line as they come in, so that what was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dna_deploy.errors import UsageError
from dna_deploy.records.files import read_bytes, write_atomically


class ResultLog:
    """Results by name, JSON values, appended to a file as they come in; without a path, kept in memory only.

    The first line says what the results are about. A last line that an interruption or a power cut tore is dropped.
    """

    def __init__(self, path: Path | None, about: Mapping[str, object]) -> None:
        """Raises `UsageError` where the file is about something else."""
        self._path = path
        self.results: dict[str, Any] = {}
        if path is None:
            return
        if path.exists():
            self._read(path, about)
        # Written anew: the last line of the old one may be torn.
        write_atomically(path, "".join(map(_line, (about, *self.results.items()))).encode())

    def add(self, name: str, result: object) -> None:
        """Remembers a result, for good."""
        self.results[name] = result
        if self._path is None:
            return
        try:
            with self._path.open("a") as file:
                file.write(_line((name, result)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            hint = "free some space; the same command goes on where this one stopped"
            raise UsageError(f"cannot write {self._path}: {error.strerror or error}", hint) from error

    def _read(self, path: Path, about: Mapping[str, object]) -> None:
        first, *lines = read_bytes(path, "the log of results").decode(errors="replace").split("\n")
        if first + "\n" != _line(about):
            raise UsageError(f"{path} holds other results: {first[:80]}", "name another --log, or remove it")
        for line in lines:
            try:
                name, result = json.loads(line)
            except (ValueError, TypeError):  # torn: what stands before it is whole
                return
            self.results[str(name)] = result


def _line(value: object) -> str:
    return json.dumps(value) + "\n"
