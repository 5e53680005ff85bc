"""What lies in some folders and files: every record of ours by its kind, and what could not be read, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dna_deploy.errors import TableError
from dna_deploy.records.embedding_history import EmbeddingHistory
from dna_deploy.records.files import Record, read_bytes
from dna_deploy.records.fitted_model import FittedModel
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import ModelCard
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.rating_calibration import RatingCalibration
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.shelf import Shelf
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import TrainingHistory

KINDS: tuple[type[Record], ...] = (
    EmbeddingHistory, FittedModel, LatencyTable, Measurement, ModelCard, ProfileRun, RatingCalibration, RatingRun,
    RatingTable, SearchOutcome, Shelf, TrainedNetwork, TrainingHistory,
)  # fmt: skip
_BY_KIND = {name: kind for kind in KINDS for name in (kind.KIND, *kind.FORMER_KINDS)}
_OF_OTHERS = {"node_modules", "site-packages", "__pycache__", "venv"}

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class NamedRecord:
    """A record, and the name of its file as a reader would say it."""

    name: str
    record: Record


@dataclass(frozen=True)
class UnusedFile:
    """A file that was looked at and not used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """Everything that was found, the newest first."""

    places: tuple[str, ...]
    found: tuple[NamedRecord, ...]
    left_out: tuple[UnusedFile, ...]

    def of(self, kind: type[AnyRecord]) -> tuple[AnyRecord, ...]:
        """The records of a kind, the newest first."""
        return tuple(entry.record for entry in self.found if isinstance(entry.record, kind))

    def name_of(self, record: Record) -> str:
        """The file that a record was read from."""
        return next(entry.name for entry in self.found if entry.record is record)

    def folder_of(self, record: Record) -> str:
        """The folder of that file."""
        return self.name_of(record).rpartition("/")[0]


def gather(paths: Sequence[Path]) -> Findings:
    """Reads every record below some folders, and the files that are named.

    Raises:
        TableError: a named path does not exist, or there is no record in any of them.
    """
    readable: list[NamedRecord] = []
    left_out: list[UnusedFile] = []
    seen: set[str] = set()
    for path, name, is_named in _files(paths):
        try:
            record = _record(path, name, is_named)
        except TableError as error:
            left_out.append(UnusedFile(name, error.message.replace(str(path), name)))
            continue
        if record is not None and record.digest not in seen:
            seen.add(record.digest)
            readable.append(NamedRecord(name, record))
    places = tuple(dict.fromkeys(map(str, paths)))
    if not readable:
        hint = f"{left_out[0].name}: {left_out[0].reason}" if left_out else "walk the journey first: dna-deploy run"
        raise TableError(f"there is nothing to report in {', '.join(places)}: no record of dna-deploy", hint)
    readable.sort(key=lambda item: item.record.provenance.created_at, reverse=True)
    return Findings(places, tuple(readable), tuple(left_out))


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, str, bool]]:
    for path in paths:
        if path.is_dir():
            for file in _below(path):
                yield file, file.relative_to(path).as_posix(), False
        elif path.exists():
            yield path, path.name, True
        else:
            raise TableError(f"there is no file or folder {path}", "name the folder of a run, or record files")


def _below(folder: Path) -> Iterator[Path]:
    """JSON files below a folder, leaving out hidden folders and those that other tools fill."""
    try:
        children = sorted(folder.iterdir())
    except OSError:
        return
    for child in children:
        if child.name.startswith(".") or child.name in _OF_OTHERS or child.is_symlink():
            continue
        if child.is_dir():
            yield from _below(child)
        elif child.suffix == ".json":
            yield child


def _record(path: Path, name: str, is_named: bool) -> Record | None:
    """The record in a file; None for a file that is no concern of ours."""
    content = read_bytes(path, "record")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{name} is not JSON: {error}") from error
    kind = body.get("kind") if isinstance(body, dict) else None
    if isinstance(kind, str) and kind in _BY_KIND:
        return _BY_KIND[kind].parse(content, name)
    if is_named:
        raise TableError(f"{name} is no record that a report shows: its kind is {kind!r}")
    return None
