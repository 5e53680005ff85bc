"""Lower bounds by Lagrangian relaxation: what a network would rate at best if limits could be bought at fixed prices.

For prices of zero or more, the cheapest network by "objective plus priced excess over the limits" is found at once,
block by block, and no feasible network beats its value. The best prices make that bound nearly tight, so that only the
few partial networks between bound and optimum need be looked at (Held and Karp 1970; for knapsacks with choices,
Sinha and Zoltners, "The multiple-choice knapsack problem", Operations Research 1979).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.prices import Prices
from dna_deploy.search.solver.problem import Ticks
from dna_deploy.search.solver.trellis import Trellis

_ROUNDS = 60
_MARGIN = 1e-11
"""Relative: far above the rounding of a few dozen float64 operations, far below anything that matters."""

_ENOUGH = 1e-9
"""Of the objective's range: prices that prove so much less than the best are as good."""

_BESIDE = (0.5, 0.8, 1.25, 2.0)
"""Factors on one best price. Further or more of them dropped hardly more labels in a space of 25 blocks."""


@dataclass(frozen=True)
class Cut:
    """Prices, and the least weight from a level on, for every state: what they prove of every network."""

    weights: NDArray[np.float64]
    rest: tuple[NDArray[np.float64], ...]
    paid: float
    """The priced limits."""
    lower: float
    """What no network within the limits falls below."""

    def most(self, level: int, exit: int, threshold: float) -> float:
        """The heaviest label of a state that may lead to the threshold or below."""
        rest = float(self.rest[level + 1][exit])
        if not np.isfinite(rest):
            return -np.inf
        size = abs(threshold) if np.isfinite(threshold) else 0.0
        return threshold + _MARGIN * (size + abs(self.paid)) + 1 + self.paid - rest


@dataclass(frozen=True)
class Bound:
    """Drops labels that surely lead to nothing at or below a threshold, whichever prices prove it."""

    cuts: tuple[Cut, ...]
    threshold: float

    def keeps(self, level: int, exit: int, values: Ticks, behind: Ticks | None = None) -> NDArray[np.bool_]:
        """Which labels ``(criteria, labels)`` of a state are worth keeping after a level.

        With labels ``behind``, of a state before it, the values are candidates' own: which of them are worth adding to the
        lightest of these labels.
        """
        weights = np.stack([cut.weights for cut in self.cuts])
        most = np.array([cut.most(level, exit, self.threshold) for cut in self.cuts])
        if behind is not None:
            most = most - _weigh(weights, behind).min(axis=1)
        return np.asarray((_weigh(weights, values) <= most[:, None]).all(axis=0))


def _weigh(weights: NDArray[np.float64], values: Ticks) -> NDArray[np.float64]:
    """``(cuts, labels)``; a criterion without a price may be infinite."""
    priced = np.flatnonzero(weights.any(axis=0))
    return np.asarray(weights[:, priced] @ values[priced])


@dataclass(frozen=True)
class Dual:
    """The best prices found, and what is known of the optimum: at least ``lower``, at most ``upper``."""

    cuts: tuple[Cut, ...]
    lower: float
    upper: float

    def bound(self, threshold: float) -> Bound:
        """Keeps every network whose objective is at most the threshold."""
        return Bound(self.cuts, threshold)


@dataclass(frozen=True)
class _Path:
    """The criteria of the lightest network at some prices, and what it proves."""

    totals: Ticks
    cut: Cut


def maximise(trellis: Trellis) -> Dual:
    """The best prices for the limits of a trellis, whose first criterion is the objective, and some beside them."""
    priced = np.flatnonzero(np.isfinite(trellis.limits) & trellis.join.adds & (np.arange(trellis.limits.size) > 0))
    ranges = np.maximum(trellis.most[0][:, 0] - trellis.least[0][:, 0], 1.0)
    worst = float(trellis.start[0, 0] + trellis.most[0][0, 0])
    start = Prices(1e4 * ranges[0] / ranges[priced], ranges[0])
    prices, upper, best = np.zeros(priced.size), np.inf, None
    for _ in range(_ROUNDS):
        path = _lightest(trellis, priced, prices)
        if path is None:
            return Dual((), np.inf, np.inf)
        if (path.totals <= trellis.limits).all():
            upper = min(upper, float(path.totals[0]))
        best = path.cut if best is None or path.cut.lower > best.lower else best
        start.add(float(path.totals[0]), path.totals[priced] - trellis.limits[priced])
        before = prices
        prices, ceiling = start.best()
        if (prices == before).all() or best.lower > worst or ceiling - best.lower <= _ENOUGH * ranges[0]:
            break
    assert best is not None
    return Dual((best, *_beside(trellis, priced, best)), best.lower, upper)


def _beside(trellis: Trellis, priced: NDArray[np.intp], best: Cut) -> Iterator[Cut]:
    """Cuts at prices somewhat off the best: they drop labels that spend too much or too little of one limit so far.

    The best prices weigh a saving here and a loss there alike, however uneven; what is left of a network may not. Under one
    limit that happens too seldom to pay for them.
    """
    if priced.size == 1:
        return
    for limit, price in enumerate(best.weights[priced]):
        for factor in _BESIDE if price else ():
            prices = best.weights[priced].copy()
            prices[limit] *= factor
            path = _lightest(trellis, priced, prices)
            if path is not None:
                yield path.cut


def _lightest(trellis: Trellis, priced: NDArray[np.intp], prices: NDArray[np.float64]) -> _Path | None:
    weights = np.zeros((1, trellis.limits.size))
    weights[0, 0], weights[0, priced] = 1.0, prices
    rest, steps = [np.zeros(1)], []
    for level in reversed(trellis.levels):
        weighed = [[_weigh(weights, group.values)[0] + rest[-1][exit] for group in groups] for exit, groups in enumerate(level)]
        least = np.array([[total.min(initial=np.inf) for total in of_exit] for of_exit in weighed])
        exits = least.argmin(axis=0)
        rest.append(least.min(axis=0))
        steps.append([(exit, weighed[exit][input]) for input, exit in enumerate(exits)])
    if not np.isfinite(rest[-1][0]):
        return None
    totals, state = trellis.start[:, 0], 0
    for level, step in zip(trellis.levels, reversed(steps), strict=True):
        exit, choices = step[state]
        totals = trellis.join(totals, level[exit][state].values[:, choices.argmin()])
        state = exit
    paid = float(prices @ trellis.limits[priced])
    lower = float(_weigh(weights, trellis.start)[0, 0] + rest[-1][0]) - paid
    return _Path(totals, Cut(weights[0], tuple(reversed(rest)), paid, lower))
