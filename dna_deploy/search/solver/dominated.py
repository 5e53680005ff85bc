"""Which candidates can never be chosen, whatever the budget: known before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity, Rating
from dna_deploy.search.solver.problem import Problem
from dna_deploy.search.solver.trellis import Trellis


@dataclass(frozen=True)
class Usefulness:
    """How many candidates of a block some budget can ask for, and which layers only the others have."""

    block: int
    candidates: int
    useful: int
    never: tuple[str, ...]
    """Layers of no useful candidate, such as ``24x3 layer 2: k7e6`` (width x depth)."""


def usefulness(model: CostModel, costs: Sequence[Quantity]) -> tuple[Usefulness, ...]:
    """One entry a block. A candidate is useless if behind every width another with the same width is no worse in rating
    and in every cost, and better in one of them.
    """
    trellis = Trellis(model.problem, model.criteria([Rating(), *costs], ()))
    return tuple(
        _of_block(model.problem, block, np.unique(np.concatenate([group.candidates for groups in level for group in groups])))
        for block, level in enumerate(trellis.levels[:-1])
    )


def _of_block(problem: Problem, block: int, useful: NDArray[np.int32]) -> Usefulness:
    index = problem.space.index
    used = {name for position in useful for name in index.choice(block, int(position)).layer_names}
    never = (name for name in index.layer_names(block) if name not in used)
    return Usefulness(block, index.counts[block], len(useful), tuple(never))
