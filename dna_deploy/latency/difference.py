"""What changed between two tables of one space: two machines, two versions of a runtime, two days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dna_deploy.errors import TableError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.placed import kind_of


@dataclass(frozen=True)
class RowChange:
    """One row in two tables."""

    layer: str
    before_s: float
    after_s: float
    is_clear: bool
    """Whether the change is beyond three standard errors."""

    @property
    def change(self) -> float:
        """The relative change."""
        return self.after_s / self.before_s - 1


@dataclass(frozen=True)
class TableDifference:
    """Rows that both tables have, the largest change first, and what each has alone."""

    rows: tuple[RowChange, ...]
    by_operation: dict[str, float]
    """The median relative change of all rows of an operation."""
    machine: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def median_change(self) -> float:
        return float(np.median([row.change for row in self.rows]))


def difference(before: LatencyTable, after: LatencyTable) -> TableDifference:
    """Compares two tables row by row, each layer as it was timed, alone.

    Raises:
        TableError: they are of different spaces or share no row.
    """
    if before.space_digest != after.space_digest:
        raise TableError(f"one table is of {before.space!r}, the other of {after.space!r}", "compare tables of one space")
    second = {row.layer: row for row in after.rows}
    rows, groups = [], dict[str, list[float]]()
    for row in before.rows:
        other = second.get(row.layer)
        if other is None:
            continue
        noise = 3 * float(np.hypot(row.standard_error_s, other.standard_error_s))
        change = RowChange(row.layer, row.alone_s, other.alone_s, abs(other.alone_s - row.alone_s) > noise)
        rows.append(change)
        operation = row.placed.operation
        groups.setdefault(f"{kind_of(operation)} {operation.code}", []).append(change.change)
    if not rows:
        raise TableError("the two tables have no row in common")
    layers = {row.layer for row in before.rows}
    return TableDifference(
        rows=tuple(sorted(rows, key=lambda row: -abs(row.change))),
        by_operation={name: float(np.median(changes)) for name, changes in groups.items()},
        machine=(*before.fingerprint.differences(after.fingerprint), *_target_differences(before, after)),
        only_before=tuple(layer for layer in sorted(layers) if layer not in second),
        only_after=tuple(layer for layer in sorted(second) if layer not in layers),
    )


def _target_differences(before: LatencyTable, after: LatencyTable) -> tuple[str, ...]:
    mine, theirs = before.target.model_dump(), after.target.model_dump()
    return tuple(f"{name}: {mine[name]!r}, not {theirs[name]!r}" for name in mine if mine[name] != theirs[name])
