"""What whole networks were rated, kept line by line, so that an interrupted search goes on where it stopped."""

from __future__ import annotations

import json
import math
from pathlib import Path

from dna_deploy.errors import UsageError


class RatingLog:
    """Ratings by architecture line, appended to a file as they come in; without a path, kept in memory only.

    The first line says what the ratings are about. A last line that an interruption cut off is dropped.
    """

    def __init__(self, path: Path | None, about: dict[str, object]) -> None:
        self._path = path
        self.ratings: dict[str, float] = {}
        if path is None:
            return
        if path.exists():
            self._read(path, about)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(about) + "\n")

    def add(self, architecture: str, rating: float) -> None:
        """Remembers a rating."""
        if not math.isfinite(rating):
            raise UsageError(f"the rating of {architecture} is {rating}", "a rating is a finite number; lower is better")
        self.ratings[architecture] = rating
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([architecture, rating]) + "\n")

    def _read(self, path: Path, about: dict[str, object]) -> None:
        first, *lines = path.read_text().split("\n")
        if first != json.dumps(about):
            raise UsageError(f"{path} holds the ratings of another search: {first[:80]}", "name another --log, or remove it")
        whole = lines[:-1]
        self.ratings = dict(json.loads(line) for line in whole)
        if lines and lines[-1]:
            path.write_text("\n".join([first, *whole]) + "\n")
