"""The best network within all constraints, and the K best: exact, with the amount of work as proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.labels import run
from dna_deploy.search.quantities import Quantity


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
    maximise: bool = False,
) -> Solution:
    """The ``top`` networks with the smallest first objective; among equals the smaller second objective, and so on."""
    criteria = model.criteria(objectives, constraints, maximise)
    programme = run(model.problem, criteria, depth=top)
    order = np.lexsort(programme.results.values[len(set(objectives)) - 1 :: -1])
    return Solution(programme.choices(order[:top]), programme.labels, programme.expanded)
