"""Networks of known accuracy, as a user writes them down: CSV with the columns architecture, accuracy, accuracy, ..."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.records.files import read_bytes
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.texts import decode_text

_FORMAT = "a line looks like 24:k3e1/40:k5e3,p1/80:k3e3,0.912,0.908: an architecture, then one accuracy a training"


@dataclass(frozen=True)
class KnownNetwork:
    """A network and the accuracy of each of its trainings."""

    architecture: Architecture
    accuracies: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        """The mean over trainings."""
        return sum(self.accuracies) / len(self.accuracies)


def read_accuracies(path: Path, space: SearchSpace) -> tuple[KnownNetwork, ...]:
    """The networks in a CSV file. Architectures hold commas, so every field that reads as a number is an accuracy.

    Raises:
        TableError: the file cannot be read.
        UsageError: a line is not what it should be, or networks differ in their number of trainings.
    """
    try:
        text = decode_text(read_bytes(path, "accuracies"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}", "save the file as UTF-8") from error
    rows = []
    for number, fields in enumerate(csv.reader(text.splitlines()), 1):
        if not fields or fields[0].strip().startswith("#") or fields[0].strip() == "architecture":
            continue
        values = [_number(field) for field in fields]
        names = [field for field, value in zip(fields, values, strict=True) if value is None]
        accuracies = tuple(value for value in values if value is not None)
        if not names or not accuracies or values[: len(names)] != [None] * len(names):
            raise UsageError(f"{path}, line {number}: {','.join(fields)!r} is no architecture with accuracies", _FORMAT)
        rows.append(KnownNetwork(space.parse(",".join(names)), accuracies))
    if len({len(network.accuracies) for network in rows}) > 1:
        raise UsageError(f"{path} has networks with different numbers of trainings", _FORMAT)
    return tuple(rows)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
