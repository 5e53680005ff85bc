"""Finished visits on disk while a run goes on, so that an interruption loses at most the probe in flight."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from dna_deploy.errors import UsageError
from dna_deploy.latency.sampling import Visit
from dna_deploy.records.files import write_atomically


@dataclass
class Story:
    """What a journal tells of an interrupted run."""

    visits: list[Visit] = field(default_factory=list)
    other_load: list[float] = field(default_factory=list)
    seconds: float = 0.0
    pauses: int = 0


class Journal:
    """One line an event, written at once. Its first line names the run: another run's journal is not taken up."""

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self._path = path
        self.story = _read(path, run)
        # Written anew: the last line of the old one may be torn.
        events: list[dict[str, Any]] = [
            {"run": run, "seconds": self.story.seconds, "pauses": self.story.pauses},
            *({"other_load": load} for load in self.story.other_load),
            *(_told(visit) for visit in self.story.visits),
        ]
        write_atomically(path, b"".join(map(_line, events)))
        # Unbuffered: what is written is in the system's hands, and a kill loses nothing of it.
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def visit(self, visit: Visit) -> None:
        """Keeps a visit."""
        self._write(_told(visit))

    def round(self, other_load: float, seconds: float) -> None:
        """Keeps what was seen during a round, and the round's visits: for good, so that a power cut takes one round at most."""
        self._write({"other_load": other_load, "seconds": seconds}, is_synced=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def _write(self, event: dict[str, Any], *, is_synced: bool = False) -> None:
        try:
            self._file.write(_line(event))
            if is_synced:
                os.fsync(self._file.fileno())
        except OSError as error:
            hint = "free some space; the same command goes on where this one stopped"
            raise UsageError(f"cannot write {self._path}: {error.strerror or error}", hint) from error


def _told(visit: Visit) -> dict[str, Any]:
    return {"visit": [visit.round, visit.name, list(visit.samples_ns), visit.failure]}


def _line(event: dict[str, Any]) -> bytes:
    return (json.dumps(event, separators=(",", ":")) + "\n").encode()


def _read(path: Path, run: dict[str, Any]) -> Story:
    story = Story()
    if not path.is_file():
        return story
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8", errors="replace").splitlines()
        first = json.loads(lines[0]) if lines else {}
    except (OSError, ValueError, RecursionError):
        return story
    if not isinstance(first, dict) or first.get("run") != run:
        return story
    try:
        story.seconds, story.pauses = float(first["seconds"]), int(first["pauses"]) + 1
        for line in lines[1:]:
            _take(json.loads(line), story)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        # A torn line ends the story: what stands before it is whole.
        return story
    return story


def _take(event: dict[str, Any], story: Story) -> None:
    if "visit" in event:
        round, name, samples, failure = event["visit"]
        visit = Visit(operator.index(round), str(name), tuple(operator.index(run) for run in samples), str(failure))
        if not visit.is_possible or not (visit.samples_ns or visit.failure):
            raise ValueError("no visit looks like this")
        story.visits.append(visit)
    if "other_load" in event:
        seconds = float(event.get("seconds", story.seconds))
        if not (math.isfinite(seconds) and math.isfinite(event["other_load"])):
            raise ValueError("these are no numbers to count with")
        story.other_load.append(float(event["other_load"]))
        story.seconds = seconds
