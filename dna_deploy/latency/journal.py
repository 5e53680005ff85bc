"""Finished visits on disk while a run goes on, so that an interruption loses at most the probe in flight."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from dna_deploy.errors import UsageError
from dna_deploy.latency.sampling import Visit


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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
        # Written anew: the last line of the old one may be torn.
        self._write({"run": run, "seconds": self.story.seconds, "pauses": self.story.pauses})
        for load in self.story.other_load:
            self._write({"other_load": load})
        for visit in self.story.visits:
            self.visit(visit)

    def visit(self, visit: Visit) -> None:
        """Keeps a visit."""
        self._write({"visit": [visit.round, visit.name, list(visit.samples_ns), visit.failure]})

    def round(self, other_load: float, seconds: float) -> None:
        """Keeps what was seen during a round."""
        self._write({"other_load": other_load, "seconds": seconds})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def _write(self, event: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            hint = "free some space; the same command goes on where this one stopped"
            raise UsageError(f"cannot write {self._path}: {error.strerror or error}", hint) from error


def _read(path: Path, run: dict[str, Any]) -> Story:
    story = Story()
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8", errors="replace").splitlines()
        first = json.loads(lines[0]) if lines else {}
    except (OSError, ValueError):
        return story
    if not isinstance(first, dict) or first.get("run") != run:
        return story
    try:
        story.seconds, story.pauses = float(first["seconds"]), int(first["pauses"]) + 1
        for line in lines[1:]:
            _take(json.loads(line), story)
    except (ValueError, TypeError, KeyError):
        # A torn line ends the story: what stands before it is whole.
        return story
    return story


def _take(event: dict[str, Any], story: Story) -> None:
    if "visit" in event:
        round, name, samples, failure = event["visit"]
        story.visits.append(Visit(int(round), str(name), tuple(int(run) for run in samples), str(failure)))
    if "other_load" in event:
        story.other_load.append(float(event["other_load"]))
        story.seconds = float(event.get("seconds", story.seconds))
