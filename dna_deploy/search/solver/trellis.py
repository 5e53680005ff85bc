"""A problem seen by a solver: what should be small, within which limits, level after level and width after width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.solver.pareto import non_dominated
from dna_deploy.search.solver.problem import Levels, LevelValues, Ticks


@dataclass(frozen=True)
class Criterion:
    """A column, or its negative for a lower bound, that should be small and must not exceed ``limit`` ticks."""

    column: int
    sign: int = 1
    limit: float = np.inf
    is_objective: bool = False


@dataclass(frozen=True)
class Group:
    """The candidates of a block that lead from one width to another, without those that others beat."""

    candidates: NDArray[np.int32]
    values: Ticks
    """``(criteria, candidates)``"""


class Trellis:
    """Everything about a problem and its criteria that does not change while solving.

    Candidates that at least ``depth`` others of their group beat in all criteria are left out from the start.
    """

    def __init__(self, problem: Levels, criteria: tuple[Criterion, ...], depth: int = 1) -> None:
        self.criteria, self.depth = criteria, depth
        self.join = Join(problem, criteria)
        self.limits = np.array([criterion.limit for criterion in criteria], np.float64)
        self._columns = [criterion.column for criterion in criteria]
        self._signs = np.array([float(criterion.sign) for criterion in criteria])[:, None]
        self.start: Ticks = self._signs * problem.start[self._columns, None]
        self.levels = tuple(
            tuple(tuple(self._group(level, exit, input) for input in range(level.inputs)) for exit in range(level.widths))
            for level in problem.levels
        )
        """``levels[block][exit][input]``"""
        self.least, self.most = self._completions(np.min, np.inf), self._completions(np.max, -np.inf)
        """What each criterion can still gain behind a level, at least and at most: ``(criteria, states)`` a level."""
        worst = self.join(self.start[:, 0], self.most[0][:, 0])
        # A limit that no network can break is none; and one far above all networks has more ticks than float64 counts.
        self.limits = np.where(self.limits >= worst, np.inf, self.limits)

    def saturation(self, level: int, state: int) -> Ticks:
        """Below this a label is sure to stay within the limit, so that being lower is worth nothing: ``(criteria,)``."""
        free = np.array([criterion.is_objective for criterion in self.criteria]) | ~np.isfinite(self.limits)
        ceiling = np.where(free, 0.0, self.most[level + 1][:, state])
        enough = np.where(self.join.adds, self.limits - ceiling, self.limits)
        return np.where(free, -np.inf, enough)

    def _group(self, level: LevelValues, exit: int, input: int) -> Group:
        candidates = np.flatnonzero((level.exits == exit) & np.isfinite(level.values[:, input]).all(axis=0))
        values = level.values[self._columns, input][:, candidates] * self._signs
        alone = np.where(self.join.is_largest, self.limits, np.inf)  # one layer too large is too much
        if np.isfinite(alone).any():
            small = (values <= alone[:, None]).all(axis=0)
            candidates, values = candidates[small], values[:, small]
        front = non_dominated(values, self.depth)
        return Group(candidates[front].astype(np.int32), values[:, front])

    def _completions(self, pick: Callable[..., Ticks], absent: float) -> tuple[Ticks, ...]:
        bounds = [self.join.neutral[:, None]]
        for level in reversed(self.levels):
            ends = [
                [self._end(group, bounds[-1][:, exit], pick, absent) for group in groups] for exit, groups in enumerate(level)
            ]
            bounds.append(pick(np.array(ends), axis=0).T)
        return tuple(reversed(bounds))

    def _end(self, group: Group, rest: Ticks, pick: Callable[..., Ticks], absent: float) -> Ticks:
        return pick(self.join(group.values, rest[:, None]), axis=1, initial=absent)


class Join:
    """How the numbers of two parts of a network become one: added, or the larger, or (negated) the smaller."""

    def __init__(self, problem: Levels, criteria: tuple[Criterion, ...]) -> None:
        kinds = [(problem.columns[criterion.column].is_maximum, criterion.sign) for criterion in criteria]
        self._functions = [(np.maximum if sign > 0 else np.minimum) if largest else np.add for largest, sign in kinds]
        self.is_largest = np.array([largest and sign > 0 for largest, sign in kinds])
        """Which criteria are the largest of their parts: ``(criteria,)``."""
        self.adds = np.array([not largest for largest, _ in kinds])
        """Which criteria are sums: ``(criteria,)``."""
        self.neutral = np.array([-sign * np.inf if largest else 0.0 for largest, sign in kinds])
        """What changes nothing when joined: ``(criteria,)``."""

    def __call__(self, first: Ticks, other: Ticks) -> Ticks:
        """Joins along the first axis; the other axes broadcast."""
        if self.adds.all():
            return first + other
        pairs = zip(self._functions, first, other, strict=True)
        return np.stack([function(a, b) for function, a, b in pairs])
