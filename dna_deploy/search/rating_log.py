"""What whole networks were rated, kept line by line, so that an interrupted search goes on where it stopped."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.records.files import read_bytes, write_atomically


class RatingLog:
    """Ratings by architecture line, appended to a file as they come in; without a path, kept in memory only.

    The first line says what the ratings are about. A last line that an interruption or a power cut tore is dropped.
    """

    def __init__(self, path: Path | None, about: dict[str, object]) -> None:
        self._path = path
        self.ratings: dict[str, float] = {}
        if path is None:
            return
        if path.exists():
            self._read(path, about)
        # Written anew: the last line of the old one may be torn.
        write_atomically(path, "".join(map(_line, (about, *self.ratings.items()))).encode())

    def add(self, architecture: str, rating: float) -> None:
        """Remembers a rating, for good."""
        if not math.isfinite(rating):
            raise UsageError(f"the rating of {architecture} is {rating}", "a rating is a finite number; lower is better")
        self.ratings[architecture] = rating
        if self._path is None:
            return
        try:
            with self._path.open("a") as file:
                file.write(_line((architecture, rating)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            hint = "free some space; the same command goes on where this one stopped"
            raise UsageError(f"cannot write {self._path}: {error.strerror or error}", hint) from error

    def _read(self, path: Path, about: dict[str, object]) -> None:
        first, *lines = read_bytes(path, "the log of ratings").decode(errors="replace").split("\n")
        if first + "\n" != _line(about):
            raise UsageError(f"{path} holds the ratings of another search: {first[:80]}", "name another --log, or remove it")
        for line in lines:
            try:
                architecture, rating = json.loads(line)
            except (ValueError, TypeError):  # torn: what stands before it is whole
                return
            self.ratings[str(architecture)] = float(rating)


def _line(value: object) -> str:
    return json.dumps(value) + "\n"
