"""Networks of known accuracy, as a user writes them down: CSV with the columns architecture, accuracy, accuracy, ..."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.records.files import read_bytes
from dna_deploy.records.score import ACCURACY, ScoreKind
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.texts import decode_text

_FORMAT = "a line looks like 24:k3e1/40:k5e3,p1/80:k3e3,0.912,0.908: an architecture, then one accuracy a training"


_LOWER = "(lower is better)"


@dataclass(frozen=True)
class KnownNetwork:
    """A network and the accuracy, or another metric, of each of its trainings."""

    architecture: Architecture
    accuracies: tuple[float, ...]
    kind: ScoreKind = ACCURACY

    @property
    def merit(self) -> float:
        """The mean over trainings, with its sign such that more is better."""
        return self.kind.merit_of(sum(self.accuracies) / len(self.accuracies))


def read_accuracies(path: Path, space: SearchSpace) -> tuple[KnownNetwork, ...]:
    """The networks in a CSV file. Architectures hold commas, so every field that reads as a number is an accuracy.

    A first line names another metric: ``architecture,mean absolute error (lower is better)``.

    Raises:
        TableError: the file cannot be read.
        UsageError: a line is not what it should be, or networks differ in their number of trainings or their metric.
    """
    try:
        text = decode_text(read_bytes(path, "accuracies"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}", "save the file as UTF-8") from error
    rows, kind = [], ACCURACY
    for number, fields in enumerate(csv.reader(text.splitlines()), 1):
        if not fields or fields[0].strip().startswith("#"):
            continue
        if fields[0].strip() == "architecture":
            kind = _kind(fields[1].strip()) if len(fields) > 1 else kind
            continue
        values = [_number(field) for field in fields]
        names = [field for field, value in zip(fields, values, strict=True) if value is None]
        accuracies = tuple(value for value in values if value is not None)
        if not names or not accuracies or values[: len(names)] != [None] * len(names):
            raise UsageError(f"{path}, line {number}: {','.join(fields)!r} is no architecture with accuracies", _FORMAT)
        try:
            rows.append(KnownNetwork(space.parse(",".join(names)), accuracies, kind))
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error.message}", error.hint) from error
    if len({(len(network.accuracies), network.kind) for network in rows}) > 1:
        raise UsageError(f"{path} has networks with different numbers of trainings, or different metrics", _FORMAT)
    return tuple(rows)


def _kind(column: str) -> ScoreKind:
    if column.startswith(ACCURACY.name):
        return ACCURACY
    return ScoreKind(name=column.removesuffix(_LOWER).strip(), better="lower" if column.endswith(_LOWER) else "higher")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
