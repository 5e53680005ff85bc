"""The best networks that differ: each next one is the best of all that differ enough from every one before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity
from dna_deploy.search.solver.exact import Solution, solve_trellis
from dna_deploy.search.solver.trellis import Criterion, Trellis


def diversify(
    model: CostModel,
    objectives: Sequence[Quantity],
    constraints: Sequence[Constraint],
    first: Solution,
    top: int,
    differences: int,
) -> Solution:
    """Up to ``top`` networks, the first of a solution and then best first, any two unlike in at least so many layers.

    Two networks differ in a layer where its operation or width does, or where only one of them has it. To be different
    enough from an earlier network is one more lower bound, so every search is exact.
    """
    chosen = [first.choices[0]]
    problem, criteria = model.problem, model.criteria(objectives, constraints)
    states, expanded = first.states, first.expanded
    while len(chosen) < top:
        counts = model.problem.layers_unlike(chosen[-1])
        problem = problem.with_counts(("layers unlike", len(chosen)), counts)
        criteria = (*criteria, Criterion(len(problem.columns) - 1, sign=-1, limit=-differences))
        solution = solve_trellis(Trellis(problem, criteria))
        states, expanded = states + solution.states, expanded + solution.expanded
        if not len(solution.choices):
            break
        chosen.append(solution.choices[0])
    return Solution(np.array(chosen, np.intp), states, expanded)
