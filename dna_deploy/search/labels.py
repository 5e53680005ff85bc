"""The dynamic programme: partial networks as labels, carried from block to block, beaten ones dropped.

The state after a block is its output width, because the cost of the next block depends on it. A label is a column of
numbers, one a criterion; for each, less is better, and a finished network must not exceed the criterion's limit.
Labels point back to their parents, so that no architecture is built before it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.pareto import non_dominated
from dna_deploy.search.problem import Problem, Stage, Ticks

_CHUNK = 4_000_000
"""How many numbers one round of products may hold: 32 MB."""


@dataclass(frozen=True)
class Criterion:
    """A column, or its negative for a lower bound, that should be small and must not exceed ``limit`` ticks."""

    column: int
    sign: int = 1
    limit: float = np.inf
    is_objective: bool = False


@dataclass(frozen=True)
class Labels:
    """Partial networks that end in one state, with where they come from."""

    values: Ticks
    """``(criteria, labels)``"""
    state: NDArray[np.intp]
    parent: NDArray[np.intp]
    candidate: NDArray[np.intp]

    def __len__(self) -> int:
        return int(self.parent.size)


class Join:
    """How the numbers of two parts of a network become one: added, or the larger, or (negated) the smaller."""

    def __init__(self, problem: Problem, criteria: tuple[Criterion, ...]) -> None:
        kinds = [(problem.columns[criterion.column].is_maximum, criterion.sign) for criterion in criteria]
        self._functions = [(np.maximum if sign > 0 else np.minimum) if largest else np.add for largest, sign in kinds]
        self._all_add = all(function is np.add for function in self._functions)
        self.neutral = np.array([-sign * np.inf if largest else 0.0 for largest, sign in kinds])
        """What changes nothing when joined: ``(criteria,)``."""

    def __call__(self, one: Ticks, other: Ticks) -> Ticks:
        """Joins along the first axis; the other axes broadcast."""
        if self._all_add:
            return one + other
        pairs = zip(self._functions, one, other, strict=True)
        return np.stack([function(a, b) for function, a, b in pairs])


@dataclass(frozen=True)
class Completions:
    """The least and the most that each criterion can still gain from a stage on: ``(criteria, states)`` a stage."""

    least: tuple[Ticks, ...]
    most: tuple[Ticks, ...]


@dataclass(frozen=True)
class Programme:
    """A finished run: the labels of every stage, and how much work it was."""

    stages: tuple[tuple[Labels, ...], ...]
    expanded: int

    @property
    def results(self) -> Labels:
        """Finished networks, by ascending first criterion."""
        return self.stages[-1][0]

    @property
    def labels(self) -> int:
        return sum(len(labels) for stage in self.stages for labels in stage)

    def choices(self, results: NDArray[np.intp]) -> NDArray[np.intp]:
        """The candidates of some results: ``(results, blocks)``."""
        chosen = np.empty((results.size, len(self.stages) - 1), np.intp)
        state, label = np.zeros_like(results), results
        for index in range(len(self.stages) - 1, -1, -1):
            before_state, before_label = np.empty_like(state), np.empty_like(label)
            for number, labels in enumerate(self.stages[index]):
                here = state == number
                before_state[here], before_label[here] = labels.state[label[here]], labels.parent[label[here]]
                if index < len(self.stages) - 1:
                    chosen[here, index] = labels.candidate[label[here]]
            state, label = before_state, before_label
        return chosen


def run(problem: Problem, criteria: tuple[Criterion, ...], depth: int = 1) -> Programme:
    """Every finished network that meets the limits and that fewer than ``depth`` others beat in all criteria."""
    join = Join(problem, criteria)
    limits = np.array([criterion.limit for criterion in criteria])
    signed = [_signed(stage, criteria) for stage in problem.stages]
    rest = _completions(signed, problem, join)
    start = np.array([[criterion.sign * problem.start[criterion.column]] for criterion in criteria])
    none = np.zeros(1, np.intp)
    layer: tuple[Labels, ...] = (Labels(start, none, none, none),)
    stages, expanded = [], 0
    for index, stage in enumerate(problem.stages):
        merged = []
        for state in range(int(stage.exits.max()) + 1):
            floor, ceiling = rest.least[index + 1][:, state], rest.most[index + 1][:, state]
            merge = _Merge(join, limits, floor, _saturation(criteria, problem, limits, ceiling), depth)
            for number, labels in enumerate(layer):
                wanted = np.flatnonzero((stage.exits == state) & np.isfinite(signed[index][:, number]).all(axis=0))
                merge.add(number, labels, wanted, signed[index][:, number, wanted])
            merged.append(merge.labels())
            expanded += merge.expanded
        layer = tuple(merged)
        stages.append(layer)
    return Programme(tuple(stages), expanded)


class _Merge:
    """Collects the labels of one state after one stage."""

    def __init__(self, join: Join, limits: Ticks, floor: Ticks, saturation: Ticks, depth: int) -> None:
        self._join, self._limits, self._floor, self._depth = join, limits, floor, depth
        self._saturation = saturation
        self._parts = [Labels(np.empty((limits.size, 0)), *(np.empty(0, np.intp),) * 3)]
        self.expanded = 0

    def add(self, state: int, labels: Labels, candidates: NDArray[np.intp], values: Ticks) -> None:
        """Continues every label with every candidate."""
        if not len(labels) or not candidates.size:
            return
        best_before = labels.values.min(axis=1, keepdims=True)
        fits = self._fits(self._join(best_before, values))
        candidates, values = candidates[fits], values[:, fits]
        front = non_dominated(values, self._depth)
        candidates, values = candidates[front], values[:, front]
        rows = max(1, _CHUNK // max(1, values.size))
        for first in range(0, len(labels), rows):
            self._expand(state, np.arange(first, min(first + rows, len(labels))), labels, candidates, values)

    def _expand(self, state: int, rows: NDArray[np.intp], labels: Labels, candidates: NDArray[np.intp], values: Ticks) -> None:
        joined = self._join(labels.values[:, rows, None], values[:, None, :]).reshape(values.shape[0], -1)
        self.expanded += joined.shape[1]
        fits = np.flatnonzero(self._fits(joined))
        joined = np.maximum(joined[:, fits], self._saturation[:, None])
        front = non_dominated(joined, self._depth)
        row, column = np.divmod(fits[front], candidates.size)
        self._parts.append(Labels(joined[:, front], np.full(front.size, state), rows[row], candidates[column]))

    def _fits(self, values: Ticks) -> NDArray[np.bool_]:
        total = self._join(values, self._floor[:, None])
        return np.asarray((total <= self._limits[:, None]).all(axis=0))

    def labels(self) -> Labels:
        """What no other label of the state beats."""
        parts = [part for part in self._parts if len(part)]
        if len(parts) == 1:
            return parts[0]
        values = np.concatenate([part.values for part in self._parts], axis=1)
        front = non_dominated(values, self._depth)
        joined = ([getattr(part, name) for part in self._parts] for name in ("state", "parent", "candidate"))
        return Labels(values[:, front], *(np.concatenate(arrays)[front] for arrays in joined))


def _signed(stage: Stage, criteria: tuple[Criterion, ...]) -> Ticks:
    signs = np.array([criterion.sign for criterion in criteria], float)
    return np.asarray(stage.values[[criterion.column for criterion in criteria]] * signs[:, None, None])


def _completions(signed: list[Ticks], problem: Problem, join: Join) -> Completions:
    least, most = [join.neutral[:, None]], [join.neutral[:, None]]
    for stage, values in zip(reversed(problem.stages), reversed(signed), strict=True):
        exists = np.isfinite(values).all(axis=0)
        for bound, pick, absent in ((least, np.min, np.inf), (most, np.max, -np.inf)):
            total = np.where(exists, join(values, bound[-1][:, None, stage.exits]), absent)
            bound.append(pick(total, axis=2))
    return Completions(tuple(reversed(least)), tuple(reversed(most)))


def _saturation(criteria: tuple[Criterion, ...], problem: Problem, limits: Ticks, ceiling: Ticks) -> Ticks:
    """Below this a label is sure to stay within the limit, so that being lower is worth nothing."""
    largest = np.array([problem.columns[criterion.column].is_maximum for criterion in criteria])
    wanted = np.array([criterion.is_objective or not np.isfinite(criterion.limit) for criterion in criteria])
    return np.where(wanted, -np.inf, np.where(largest, limits, limits - ceiling))
