"""Lower bounds by Lagrangian relaxation: what a network would rate at best if limits could be bought at fixed prices.

For prices of zero or more, the cheapest network by "objective plus priced excess over the limits" is found at once,
block by block, and no feasible network beats its value. The best prices make that bound nearly tight, so that only the
few partial networks between bound and optimum need be looked at (Held and Karp 1970; for knapsacks with choices,
Sinha and Zoltners, "The multiple-choice knapsack problem", Operations Research 1979).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.problem import Ticks
from dna_deploy.search.trellis import Trellis

_ROUNDS = 60
_MARGIN = 1e-11
"""Relative: far above the rounding of a few dozen float64 operations, far below anything that matters."""


@dataclass(frozen=True)
class Bound:
    """Prices and what they prove: a label whose weight exceeds `most` leads to nothing at or below the threshold."""

    weights: NDArray[np.float64]
    rest: tuple[NDArray[np.float64], ...]
    """The least weight from a stage on, for every state."""
    paid: float
    """The priced limits."""
    threshold: float

    def weigh(self, values: Ticks) -> NDArray[np.float64]:
        """The weight of labels ``(criteria, ...)``."""
        total = self.weights[0] * values[0]
        for weight, row in zip(self.weights[1:], values[1:], strict=True):
            if weight:
                total = total + weight * row
        return np.asarray(total)

    def most(self, stage: int, exit: int) -> float:
        """The heaviest label of a state worth keeping after a stage."""
        rest = float(self.rest[stage + 1][exit])
        return self.threshold + self.paid - rest if np.isfinite(rest) else -np.inf


@dataclass(frozen=True)
class Dual:
    """The best prices found, and what is known of the optimum: at least ``lower``, at most ``upper``."""

    weights: NDArray[np.float64]
    rest: tuple[NDArray[np.float64], ...]
    paid: float
    lower: float
    upper: float

    def bound(self, threshold: float) -> Bound:
        """Keeps every network whose objective is at most the threshold."""
        size = abs(threshold) if np.isfinite(threshold) else 0.0
        return Bound(self.weights, self.rest, self.paid, threshold + _MARGIN * (size + abs(self.paid)) + 1)


@dataclass(frozen=True)
class _Path:
    """The lightest network at some prices: its criteria, and the least weights on the way."""

    totals: Ticks
    rest: tuple[NDArray[np.float64], ...]
    weight: float


def maximise(trellis: Trellis) -> Dual:
    """The best prices for the limits of a trellis, whose first criterion is the objective."""
    priced = np.flatnonzero(np.isfinite(trellis.limits) & trellis.join.adds & (np.arange(trellis.limits.size) > 0))
    ranges = trellis.most[0][:, 0] - trellis.least[0][:, 0]
    most_prices = 1e4 * max(ranges[0], 1.0) / np.maximum(ranges[priced], 1.0)
    worst = float(trellis.start[0, 0] + trellis.most[0][0, 0])
    prices = np.zeros(priced.size)
    lines: list[tuple[float, NDArray[np.float64]]] = []
    best = Dual(np.zeros(0), (), 0.0, -np.inf, np.inf)
    for _ in range(_ROUNDS):
        weights = _weights(trellis, priced, prices)
        path = _lightest(trellis, weights)
        if path is None:
            return replace(best, lower=np.inf)
        paid = float(prices @ trellis.limits[priced])
        upper = float(path.totals[0]) if (path.totals <= trellis.limits).all() else np.inf
        best = replace(best, upper=min(best.upper, upper))
        if path.weight - paid > best.lower:
            best = Dual(weights, path.rest, paid, path.weight - paid, best.upper)
        lines.append((float(path.totals[0]), path.totals[priced] - trellis.limits[priced]))
        before = prices
        prices, ceiling = _next_prices(lines, most_prices)
        if (prices == before).all() or best.lower > worst or ceiling - best.lower <= _MARGIN * abs(best.lower):
            break
    return best


def _weights(trellis: Trellis, priced: NDArray[np.intp], prices: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.zeros(trellis.limits.size)
    weights[0], weights[priced] = 1.0, prices
    return weights


def _lightest(trellis: Trellis, weights: NDArray[np.float64]) -> _Path | None:
    rest, steps = [np.zeros(1)], []
    weigh = Bound(weights, (), 0.0, 0.0).weigh
    for stage in reversed(trellis.stages):
        weighed = [[weigh(group.values) + rest[-1][exit] for group in groups] for exit, groups in enumerate(stage)]
        least = np.array([[total.min(initial=np.inf) for total in of_exit] for of_exit in weighed])
        exits = least.argmin(axis=0)
        rest.append(least.min(axis=0))
        steps.append([(exit, weighed[exit][input]) for input, exit in enumerate(exits)])
    if not np.isfinite(rest[-1][0]):
        return None
    totals, state = trellis.start[:, 0], 0
    for stage, step in zip(trellis.stages, reversed(steps), strict=True):
        exit, choices = step[state]
        totals = trellis.join(totals, stage[exit][state].values[:, choices.argmin()])
        state = exit
    return _Path(totals, tuple(reversed(rest)), float(weigh(trellis.start[:, 0]) + rest[-1][0]))


def _next_prices(
    lines: list[tuple[float, NDArray[np.float64]]], most: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The prices at which the least of the known networks is dearest, and how dear it is there."""
    values, slopes = np.array([value for value, _ in lines]), np.array([slope for _, slope in lines])
    if most.size == 1:
        return _highest_of_lines(values, slopes[:, 0], float(most[0]))
    return _highest_of_planes(values, slopes, most)


def _highest_of_lines(
    values: NDArray[np.float64], slopes: NDArray[np.float64], most: float
) -> tuple[NDArray[np.float64], float]:
    """One limit: where the last rising line, a network beyond the limit, meets the last falling one, a network within."""
    rising, falling = np.flatnonzero(slopes > 0), np.flatnonzero(slopes <= 0)
    if not rising.size:
        return np.zeros(1), float(values[falling[-1]])
    if not falling.size:
        return np.array([most]), np.inf
    up, down = rising[-1], falling[-1]
    price = (values[down] - values[up]) / (slopes[up] - slopes[down])
    return np.array([price]), float(values[up] + price * slopes[up])


def _highest_of_planes(
    values: NDArray[np.float64], slopes: NDArray[np.float64], most: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    from scipy.optimize import linprog  # late: slow to import, and one limit needs none of it

    size = max(1.0, float(np.abs(values).max()))
    found = linprog(
        np.concatenate((np.zeros(most.size), [-1.0])),
        A_ub=np.column_stack((-slopes * most / size, np.ones(values.size))),
        b_ub=values / size,
        bounds=[(0, 1)] * most.size + [(None, None)],
        method="highs",
    )
    if found.x is None:  # numerically hopeless; any prices are valid, so the best so far will do
        return np.zeros(most.size), -np.inf
    return np.maximum(found.x[:-1], 0) * most, float(found.x[-1]) * size
