"""The whole trade-off between the rating and one or more costs, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity, Rating
from dna_deploy.search.solver.labels import Effort, run
from dna_deploy.search.solver.pareto import non_dominated
from dna_deploy.search.solver.problem import Problem
from dna_deploy.search.solver.trellis import Trellis
from dna_deploy.spaces.architecture import Architecture

_MOST_LABELS = 50_000


@dataclass(frozen=True)
class TradeOff:
    """Every network that no other beats in rating and all axes at once, by ascending first axis."""

    axes: tuple[Quantity, ...]
    choices: NDArray[np.intp]
    """``(networks, blocks)``"""
    ratings: NDArray[np.float64]
    costs: NDArray[np.float64]
    """``(axes, networks)`` in SI units."""
    epsilon: float
    """0: complete. Else every network has one here with no worse rating and costs at most ``1 + epsilon`` times its own."""
    states: int
    problem: Problem = field(repr=False, compare=False)

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """The networks, in the order of the other numbers."""
        return tuple(map(self.problem.architecture, self.choices.tolist()))


def trade_off(
    model: CostModel, axes: Sequence[Quantity], constraints: Sequence[Constraint], most_labels: int = _MOST_LABELS
) -> TradeOff:
    """The front among the networks that meet the constraints: exact unless a state would hold more than ``most_labels``."""
    criteria = model.criteria([*axes, Rating()], constraints)
    programme = run(Trellis(model.problem, criteria), Effort(most_labels=most_labels, thinned=tuple(range(len(axes)))))
    choices = programme.choices(np.arange(len(programme.results)))
    totals = model.problem.totals(choices)
    points = non_dominated(totals[[*(model.column(axis) for axis in axes), 0]])
    totals, choices = totals[:, points], choices[points]
    costs = np.stack([model.values(axis, totals) for axis in axes])
    return TradeOff(
        tuple(axes), choices, model.values(Rating(), totals), costs, programme.epsilon, programme.states, model.problem
    )
