"""The best prices of limits for a few known networks: a linear programme of a handful of rows, solved where it stopped.

A network is a line over the prices: its objective plus the priced excess over each limit. Wanted are the prices, between 0
and 1 after scaling, at which the lowest of all lines is highest. The dual of that programme has one row more than there are
limits and gains a column with every line, so that the simplex method (Dantzig, "Linear Programming and Extensions", 1963)
goes on from its last basis in a few steps. A general solver would spend a hundred times as long on reading the problem.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-10
_MOST_STEPS = 200

Numbers = NDArray[np.float64]


class Prices:
    """Collects lines and tells the best prices for them."""

    def __init__(self, most: Numbers, unit: float) -> None:
        """Args:
        most: the highest price of every limit.
        unit: an objective counts as small against this.
        """
        self._most, self._unit = most, unit
        beyond, slack = -np.eye(most.size), np.eye(most.size)
        self._columns = np.vstack((np.zeros(2 * most.size), np.hstack((beyond, slack))))
        self._costs = np.repeat((1.0, 0.0), most.size)
        self._basis: NDArray[np.intp] = np.empty(0, np.intp)
        self._first = 0.0

    def add(self, objective: float, excess: Numbers) -> None:
        """A network: what it has of the objective, and by how much it exceeds every limit."""
        slope = excess * self._most / self._unit
        if not self._basis.size:
            self._first = objective
            size = self._most.size
            self._basis = np.append(np.where(slope > 0, 0, size) + np.arange(size), 2 * size)
        self._columns = np.column_stack((self._columns, np.append(1.0, slope)))
        self._costs = np.append(self._costs, (objective - self._first) / self._unit)

    def best(self) -> tuple[Numbers, float]:
        """The best prices for the networks so far, and the objective that no prices can prove to be exceeded."""
        demand = np.append(1.0, np.zeros(self._most.size))
        for _ in range(_MOST_STEPS):
            basis = self._columns[:, self._basis]
            duals = np.linalg.solve(basis.T, self._costs[self._basis])
            reduced = self._costs - duals @ self._columns
            entering = int(reduced.argmin())
            if reduced[entering] >= -_TOLERANCE:
                break
            step, held = np.linalg.solve(basis, np.stack((self._columns[:, entering], demand), axis=1)).T
            ratios = np.divide(held, step, out=np.full(held.size, np.inf), where=step > _TOLERANCE)
            self._basis[ratios.argmin()] = entering
        prices = np.clip(-duals[1:], 0.0, 1.0) * self._most
        return prices, self._first + float(duals[0]) * self._unit
