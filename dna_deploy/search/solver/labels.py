"""The dynamic programme: partial networks as labels, carried from block to block, beaten ones dropped.

The state after a block is its output width, because the cost of the next block depends on it. A label is a column of
numbers, one a criterion; for each, less is better, and a finished network must not exceed the criterion's limit.
Labels point back to their parents, so that no architecture is built before it is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.solver.dual import Bound
from dna_deploy.search.solver.pareto import non_dominated
from dna_deploy.search.solver.problem import Ticks
from dna_deploy.search.solver.trellis import Group, Trellis

_CHUNK = 2_000_000
"""How many numbers one round of products may hold: 16 MB, so that a few copies stay small."""

_MOST_WAITING = 100_000
"""How many labels may wait until the beaten ones among them are dropped: seldom, since it takes most of the time."""

Pointers = NDArray[np.int32]


@dataclass(frozen=True)
class Labels:
    """Partial networks that end in one state: their numbers ``(criteria, labels)``, and where they come from."""

    values: Ticks
    state: Pointers
    parent: Pointers
    candidate: Pointers

    def __len__(self) -> int:
        return int(self.parent.size)

    def take(self, indices: NDArray[np.intp]) -> Labels:
        return Labels(self.values[:, indices], self.state[indices], self.parent[indices], self.candidate[indices])

    def pointers_only(self) -> Labels:
        """Without the numbers, which nobody needs once the next level is made."""
        return Labels(np.empty((0, len(self))), self.state, self.parent, self.candidate)


@dataclass(frozen=True)
class Programme:
    """A finished run: the labels of every level, and how much work it was."""

    levels: tuple[tuple[Labels, ...], ...]
    expanded: int
    epsilon: float

    @property
    def results(self) -> Labels:
        """Finished networks."""
        return self.levels[-1][0]

    @property
    def states(self) -> int:
        return sum(len(labels) for level in self.levels for labels in level)

    def choices(self, results: NDArray[np.intp]) -> NDArray[np.intp]:
        """The candidates of some results: ``(results, blocks)``."""
        chosen = np.empty((results.size, len(self.levels)), np.intp)
        state, label = np.zeros_like(results), results
        for index in range(len(self.levels) - 1, -1, -1):
            state_before, label_before = np.empty_like(state), np.empty_like(label)
            for number, labels in enumerate(self.levels[index]):
                here = state == number
                state_before[here], label_before[here] = labels.state[label[here]], labels.parent[label[here]]
                chosen[here, index] = labels.candidate[label[here]]
            state, label = state_before, label_before
        return chosen[:, :-1]


@dataclass(frozen=True)
class Effort:
    """What a run may leave out: everything that is proven worse, and what is too much to hold.

    With ``most_labels`` a state that holds more is thinned: of networks whose ``thinned`` criteria differ by a tiny
    factor only the best is kept. The run then tells by which factor (``epsilon``) in all.
    """

    bound: Bound | None = None
    most_labels: float = math.inf
    thinned: tuple[int, ...] = ()


def run(trellis: Trellis, effort: Effort = Effort()) -> Programme:
    """Every finished network that meets the limits and that fewer than the trellis' depth others beat in all criteria."""
    none = np.zeros(1, np.int32)
    layer: tuple[Labels, ...] = (Labels(trellis.start, none, none, none),)
    levels, expanded, thinned = [], 0, 0.0
    for index, groups in enumerate(trellis.levels):
        merges = [_Merge(trellis, effort, index, exit) for exit in range(len(groups))]
        for merge, behind in zip(merges, groups, strict=True):
            for state, (labels, group) in enumerate(zip(layer, behind, strict=True)):
                merge.add(state, labels, group)
        expanded += sum(merge.expanded for merge in merges)
        pairs = [merge.labels() for merge in merges]
        thinned += max(math.log1p(factor) for _, factor in pairs)
        layer = tuple(labels for labels, _ in pairs)
        levels.append(layer)
    return Programme(
        (*(tuple(of.pointers_only() for of in level) for level in levels[:-1]), levels[-1]), expanded, math.expm1(thinned)
    )


class _Merge:
    """Collects the labels of one state after one level."""

    def __init__(self, trellis: Trellis, effort: Effort, level: int, exit: int) -> None:
        self._trellis, self._effort, self._level, self._exit = trellis, effort, level, exit
        self._floor = trellis.least[level + 1][:, exit]
        self._saturation = trellis.saturation(level, exit)[:, None]
        self._parts: list[Labels] = []
        self._waiting = 0
        self.expanded = 0

    def add(self, state: int, labels: Labels, group: Group) -> None:
        """Continues every label with every candidate that can lead anywhere."""
        promising = self._promising(labels, group.values)
        candidates, values = group.candidates[promising], group.values[:, promising]
        if not candidates.size:
            return
        rows = max(1, _CHUNK // values.size)
        for first in range(0, len(labels), rows):
            self._expand(state, first, labels.values[:, first : first + rows], candidates, values)

    def _promising(self, labels: Labels, values: Ticks) -> NDArray[np.intp]:
        """Candidates that fit behind at least the best of the labels."""
        if not len(labels):
            return np.empty(0, np.intp)
        fits = self._fits(self._trellis.join(labels.values.min(axis=1)[:, None], values))
        if self._effort.bound is not None:
            fits &= self._effort.bound.keeps(self._level, self._exit, values, behind=labels.values)
        return np.flatnonzero(fits)

    def _expand(self, state: int, first: int, labels: Ticks, candidates: Pointers, values: Ticks) -> None:
        joined = self._trellis.join(labels[:, :, None], values[:, None, :]).reshape(labels.shape[0], -1)
        self.expanded += joined.shape[1]
        fits = self._fits(joined)
        if self._effort.bound is not None:
            fits &= self._effort.bound.keeps(self._level, self._exit, joined)
        fitting = np.flatnonzero(fits)
        row, column = np.divmod(fitting, candidates.size)
        states = np.full(fitting.size, state, np.int32)
        values = np.maximum(joined[:, fitting], self._saturation)
        self._parts.append(Labels(values, states, (first + row).astype(np.int32), candidates[column]))
        self._waiting += fitting.size
        if self._waiting > _MOST_WAITING:
            self._parts, self._waiting = [self._merged()], 0

    def _fits(self, values: Ticks) -> NDArray[np.bool_]:
        fits = np.isfinite(values[0])
        for position in np.flatnonzero(np.isfinite(self._trellis.limits)):
            fits &= self._within(int(position), values)
        return np.asarray(fits, np.bool_)

    def _within(self, position: int, values: Ticks) -> NDArray[np.bool_]:
        floor, limit = self._floor[position], self._trellis.limits[position]
        if self._trellis.join.adds[position]:
            return np.asarray(values[position] <= limit - floor)
        upward = self._trellis.criteria[position].sign > 0
        joined: Ticks = np.maximum(values[position], floor) if upward else np.minimum(values[position], floor)
        return np.asarray(joined <= limit, np.bool_)

    def labels(self) -> tuple[Labels, float]:
        """What no other label of the state beats, and the factor by which it was thinned."""
        return self._thinned(self._merged())

    def _merged(self) -> Labels:
        empty = Labels(np.empty((self._trellis.limits.size, 0)), *(np.empty(0, np.int32),) * 3)
        parts = [empty, *self._parts]
        values = np.concatenate([part.values for part in parts], axis=1)
        pointers = [np.concatenate([getattr(part, name) for part in parts]) for name in ("state", "parent", "candidate")]
        return Labels(values, *pointers).take(non_dominated(values, self._trellis.depth))

    def _thinned(self, labels: Labels) -> tuple[Labels, float]:
        factor, thinner = 0.0, labels
        while len(thinner) > self._effort.most_labels:
            factor = 4 * factor or 1e-7
            values = labels.values.copy()
            rows = list(self._effort.thinned)
            values[rows] = np.floor(np.log(np.maximum(values[rows], 1.0)) / math.log1p(factor))
            thinner = labels.take(non_dominated(values))
        return thinner, factor
