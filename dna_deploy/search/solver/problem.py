"""A space, its ratings and its costs as arrays: all that a solver needs to know.

Every number becomes a whole count of *ticks* of its column: a tick is a power of ten so small that the whole network
takes at most 9e15 of them. Sums of ticks are exact in float64 and in any order, so rounding never decides which of two
networks is better, and whatever was written with few decimal digits is kept to the digit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dna_deploy.errors import TableError
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search.measures import RATING, Measure
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import BlockChoice, PlacedCell
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.placed import PlacedLayer

Ticks = NDArray[np.float64]

_MOST_TICKS = 9e15  # whole numbers up to 2**53 are exact in float64
_MOST_FIXED = 16  # no network has more fixed layers
_ROUNDING = 1e-12  # the relative amount by which a bound may be exceeded: float sums in another order differ by less


@dataclass(frozen=True)
class Column:
    """One number of a network: the sum or the maximum over its parts, in ticks."""

    name: Hashable
    """The measure it was made of, or `RATING`."""
    ticks_per_unit: float
    terms: int
    is_maximum: bool = False
    is_whole: bool = False

    def most_ticks(self, bound: float) -> float:
        """The largest number of ticks that meets an upper bound, forgiving what rounding does."""
        return math.floor(bound * self.ticks_per_unit + self._slack(bound)) if math.isfinite(bound) else bound

    def least_ticks(self, bound: float) -> float:
        """The smallest number of ticks that meets a lower bound, forgiving what rounding does."""
        return math.ceil(bound * self.ticks_per_unit - self._slack(bound)) if math.isfinite(bound) else bound

    def _slack(self, bound: float) -> float:
        return abs(bound) * self.ticks_per_unit * _ROUNDING + (0 if self.is_whole else self.terms / 2)


@dataclass(frozen=True)
class LevelValues:
    """What a block may add to a network: for every input width, every candidate's number in every column."""

    exits: NDArray[np.intp]
    """``(candidates,)``: which of the block's widths each candidate emits."""
    values: Ticks
    """``(columns, inputs, candidates)``: infinite where a row is absent."""

    @property
    def widths(self) -> int:
        return int(self.exits.max()) + 1

    @property
    def inputs(self) -> int:
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Levels:
    """Levels one after the other, the last with a single candidate: all that the solver looks at. Column 0 is the rating."""

    columns: tuple[Column, ...]
    start: Ticks
    levels: tuple[LevelValues, ...]


@dataclass(frozen=True)
class Problem(Levels):
    """The levels of a space: its blocks, and its head as the last."""

    space: HeadedSpace

    @classmethod
    def build(cls, space: HeadedSpace, ratings: RatingTable | None, measures: Sequence[Measure]) -> Problem:
        """The problem of a space. Without ratings every network rates 0."""
        start, raw = _raw_values(space, ratings, tuple(measures))
        terms = _MOST_FIXED + sum(max(len(cell) for _, cell in space.index.anywhere(block)) for block in space.block_numbers)
        columns = tuple(
            _column(measure, [start[index], *(values[index] for values in raw)], terms)
            for index, measure in enumerate((None, *measures))
        )
        scale = np.array([column.ticks_per_unit for column in columns])
        exits = [*(np.array(space.index.exits(index)) for index in space.block_numbers), np.zeros(1, np.intp)]
        levels = tuple(
            LevelValues(exit, np.rint(values * scale[:, None, None])) for exit, values in zip(exits, raw, strict=True)
        )
        return cls(columns, np.rint(start * scale), levels, space)

    def index(self, name: Hashable) -> int:
        """The column of a measure."""
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def with_counts(self, name: Hashable, counts: Sequence[NDArray[np.float64]]) -> Problem:
        """The same problem with one more column: a whole number of every candidate, one array a block."""
        levels = tuple(
            replace(level, values=np.concatenate((level.values, np.broadcast_to(count, (1, level.inputs, count.size)))))
            for level, count in zip(self.levels, [*counts, np.zeros(1)], strict=True)
        )
        column = Column(name, 1.0, len(levels), is_whole=True)
        return replace(self, columns=(*self.columns, column), start=np.append(self.start, 0.0), levels=levels)

    @property
    def candidates(self) -> int:
        return sum(self.space.index.counts)

    def architecture(self, choices: Iterable[int]) -> Architecture:
        """The network that takes candidate ``choices[k]`` of block ``k``."""
        return self.space.index.architecture(choices)

    def column_of_ratings(self, block: int) -> NDArray[np.float64]:
        """The ratings of a block's candidates."""
        return np.asarray(self.levels[block].values[0].min(axis=0) / self.columns[0].ticks_per_unit)

    def layers_unlike(self, choices: NDArray[np.intp]) -> list[NDArray[np.float64]]:
        """In how many layers every candidate of every block differs from the one chosen: one array a block.

        Two networks differ in a layer where its operation or width does, or where only one of them has it.
        """
        blocks = self.space.block_numbers
        pairs = zip(map(self.space.index.anywhere, blocks), map(self.space.index.choice, blocks, choices), strict=True)
        return [np.concatenate([_layers_unlike(cell, choice) for _, cell in cells]) for cells, choice in pairs]

    def totals(self, choices: NDArray[np.intp]) -> Ticks:
        """Every column of some networks ``(networks, blocks)``, in ticks: ``(columns, networks)``."""
        totals = np.repeat(self.start[:, None], len(choices), axis=1)
        state = np.zeros(len(choices), np.intp)
        for level, chosen in zip(self.levels, [*choices.T, np.zeros(len(choices), np.intp)], strict=True):
            totals = self._join(totals, level.values[:, state, chosen])
            state = level.exits[chosen]
        return totals

    def states(self, choices: Sequence[int]) -> tuple[int, ...]:
        """The input width, as a position, of every block and of the head."""
        exits = (int(level.exits[choice]) for level, choice in zip(self.levels, choices, strict=False))
        return (0, *exits)

    def swapped(self, choices: Sequence[int], block: int) -> Ticks:
        """Every column of the networks that differ from one in a block: ``(columns, candidates)``, in ticks."""
        states = self.states(choices)
        before = self.start
        for index in range(block):
            before = self._join(before, self.levels[index].values[:, states[index], choices[index]])
        level = self.levels[block]
        after = self._after(choices, block)
        return self._join(self._join(before[:, None], level.values[:, states[block]]), after[:, level.exits])

    def _after(self, choices: Sequence[int], block: int) -> Ticks:
        """What everything behind a block adds, for every width that the block may emit: ``(columns, widths)``."""
        following = [*choices[block + 1 :], 0]
        after = self.levels[block + 1].values[:, :, following[0]]
        state = int(self.levels[block + 1].exits[following[0]])
        for level, choice in zip(self.levels[block + 2 :], following[1:], strict=True):
            after = self._join(after, level.values[:, state, choice, None])
            state = int(level.exits[choice])
        return after

    def _join(self, first: Ticks, other: Ticks) -> Ticks:
        largest = np.array([column.is_maximum for column in self.columns]).reshape(
            -1, *(1,) * (max(first.ndim, other.ndim) - 1)
        )
        return np.where(largest, np.maximum(first, other), first + other)

    @cached_property
    def excluded(self) -> int:
        """How many candidates no network can hold, because a row is absent behind every input width."""
        return sum(int((~np.isfinite(level.values).all(axis=0)).all(axis=0).sum()) for level in self.levels[:-1])


def _raw_values(
    space: HeadedSpace, ratings: RatingTable | None, measures: tuple[Measure, ...]
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The start ``(columns,)`` and every level ``(columns, inputs, candidates)``, in units."""
    start = np.array([0.0, *(_fixed(space.stem_layers, measure) for measure in measures)])
    levels = []
    for index, (inputs, count) in enumerate(zip(space.index.cells, space.index.counts, strict=True)):
        values = np.full((1 + len(measures), len(inputs), count), np.inf)
        rated = np.zeros(count) if ratings is None else np.array(ratings.candidates[index][0])
        for row, cells in enumerate(inputs):
            for cell, candidates in zip(cells, space.index.slices(index), strict=True):
                if cell:  # it may follow this input
                    values[0, row, candidates] = rated[candidates]
                    for column, measure in enumerate(measures, 1):
                        values[column, row, candidates] = _cell_values(cell, measure)
        levels.append(values)
    heads = [[0.0, *(_fixed(space.head_layers(input), measure) for measure in measures)] for input in space.index.inputs[-1]]
    return start, [*levels, np.array(heads).T[:, :, None]]


def _cell_values(cell: PlacedCell, measure: Measure) -> NDArray[np.float64]:
    """A measure of every candidate of a cell, the last layer varying fastest."""
    joined = np.maximum if measure.is_maximum else np.add
    values = np.zeros(1)
    for layers in cell:
        values = joined.outer(values, np.array([measure.of_layer(layer) for layer in layers])).ravel()
    return values


def _layers_unlike(cell: PlacedCell, choice: BlockChoice) -> NDArray[np.float64]:
    total = np.array([float(max(0, choice.depth - len(cell)))])
    for position, layers in enumerate(cell):
        is_comparable = position < choice.depth and layers[0].out_channels == choice.width
        same = choice.operations[position] if is_comparable else None
        total = np.add.outer(total, np.array([float(layer.operation != same) for layer in layers])).ravel()
    return total


def _fixed(layers: tuple[PlacedLayer, ...], measure: Measure) -> float:
    values = [measure.of_layer(layer) for layer in layers]
    for layer, value in zip(layers, values, strict=True):
        if not math.isfinite(value):
            raise TableError(f"no latency for {layer}, which every network has", "profile the space again")
    return (max(values, default=0.0)) if measure.is_maximum else math.fsum(values)


def _column(measure: Measure | None, parts: list[NDArray[np.float64]], terms: int) -> Column:
    total = math.fsum(float(np.abs(part[np.isfinite(part)]).max(initial=0.0)) for part in map(np.atleast_1d, parts))
    digits = math.floor(math.log10(_MOST_TICKS / total)) if total > 0 else 0
    if measure is not None and measure.is_whole:
        digits = min(digits, 0)
    if measure is None:
        return Column(RATING, 10.0**digits, terms)
    return Column(measure, 10.0**digits, terms, measure.is_maximum, measure.is_whole)
