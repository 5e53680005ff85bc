"""The best network within all constraints, and the K best: exact, with the amount of work as proof."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity
from dna_deploy.search.solver.dual import maximise
from dna_deploy.search.solver.labels import Effort, Programme, run
from dna_deploy.search.solver.trellis import Criterion, Trellis

_FEW = 5000


@dataclass(frozen=True)
class Solution:
    """The best networks, best first: as many as asked for, fewer where no more exist, none where the constraints allow none."""

    choices: NDArray[np.intp]
    """``(networks, blocks)``"""
    states: int
    expanded: int


def solve(
    model: CostModel,
    objectives: Sequence[Quantity],
    constraints: Sequence[Constraint],
    top: int = 1,
    largest: bool = False,
) -> Solution:
    """The ``top`` networks with the smallest first objective; among equals the smaller second objective, and so on.

    ``largest`` asks for the largest first objective instead.
    """
    return solve_trellis(Trellis(model.problem, model.criteria(objectives, constraints, largest), depth=top), top)


def solve_trellis(trellis: Trellis, top: int = 1) -> Solution:
    """The ``top`` networks (at most the trellis' depth) with the smallest first criterion that meet every limit.

    Looks at what lies between the Lagrangian bound and a threshold, which rises until it reaches the last network
    wanted: then nothing better can be missing. The work grows fast with the threshold, so it starts low.
    """
    dual = maximise(trellis)
    if dual.lower == math.inf:
        return Solution(np.empty((0, len(trellis.levels) - 1), np.intp), 0, 0)
    worst = float(trellis.start[0, 0] + trellis.most[0][0, 0])
    reached = dual.upper if top == 1 else math.inf
    step = (min(dual.upper, worst) - dual.lower) / max(1.0, len(trellis.levels) ** 2 / 30)
    states = expanded = 0
    while True:
        threshold = min(dual.lower + step, reached)
        threshold = threshold if threshold < worst else math.inf
        programme = run(trellis, Effort(bound=dual.bound(threshold)))
        states, expanded = states + programme.states, expanded + programme.expanded
        best = _best(programme, trellis.criteria, top)
        if best.size == top:
            reached = min(reached, float(programme.results.values[0, best[-1]]))
        if threshold >= min(reached, worst):
            return Solution(programme.choices(best), states, expanded)
        step = max(step * (2 if programme.states < _FEW else 1.3), 1.0)


def _best(programme: Programme, criteria: tuple[Criterion, ...], top: int) -> NDArray[np.intp]:
    objectives = sum(criterion.is_objective for criterion in criteria)
    return np.lexsort(programme.results.values[objectives - 1 :: -1])[:top]
