"""What a table shows that a person should know before choosing from it: cliffs, and candidates that are never worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dna_deploy.records.latency_table import LatencyRow, LatencyTable
from dna_deploy.spaces.placed import PlacedLayer

_CLEARLY = 0.03
"""Rows that differ by less are called equal: a table is not better than that."""


@dataclass(frozen=True)
class Oddity:
    """A row that takes longer than one which does more."""

    dear: LatencyRow
    cheap: LatencyRow

    @property
    def excess(self) -> float:
        """How much longer, relative to the one that does more."""
        return self.dear.latency_s / self.cheap.latency_s - 1


def cliffs(table: LatencyTable) -> tuple[Oddity, ...]:
    """Layers with fewer channels that take longer than the same layer with more, such as 60 instead of 64."""

    def is_narrower(narrow: PlacedLayer, wide: PlacedLayer) -> bool:
        same_place = (narrow.stride, narrow.others, narrow.input.extent) == (wide.stride, wide.others, wide.input.extent)
        widths = (narrow.input.channels, narrow.out_channels), (wide.input.channels, wide.out_channels)
        return (
            narrow.operation == wide.operation and same_place and widths[0] != widths[1]
            and widths[0][0] <= widths[1][0] and widths[0][1] <= widths[1][1]
        )  # fmt: skip

    return tuple(_oddities(table, is_narrower))


def dominated(table: LatencyTable) -> tuple[Oddity, ...]:
    """Candidates that take longer than another one at the same place that computes more with more weights."""

    def is_lesser(less: PlacedLayer, more: PlacedLayer) -> bool:
        same_place = (less.input, less.out_channels, less.stride) == (more.input, more.out_channels, more.stride)
        return same_place and less.macs < more.macs and less.parameters < more.parameters

    return tuple(_oddities(table, is_lesser))


def _oddities(table: LatencyTable, should_be_cheaper: Callable[[PlacedLayer, PlacedLayer], bool]) -> Iterator[Oddity]:
    placed = [(row, row.placed) for row in table.rows]
    for dear, smaller in placed:
        cheaper = [
            row
            for row, larger in placed
            if should_be_cheaper(smaller, larger) and dear.latency_s > row.latency_s * (1 + _CLEARLY) + _noise(dear, row)
        ]
        if cheaper:
            yield Oddity(dear, min(cheaper, key=lambda row: row.latency_s))


def _noise(row: LatencyRow, other: LatencyRow) -> float:
    return 2.0 * float((row.standard_error_s**2 + other.standard_error_s**2) ** 0.5)
