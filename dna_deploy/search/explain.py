"""Why each block has its candidate: what it costs, the runner-up, and what a little more budget would buy there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dna_deploy.records.search_outcome import BlockReason
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity, Rating
from dna_deploy.search.solver.dominated import Usefulness, usefulness


def step_of(bound: float) -> float:
    """A round amount worth asking about: 1 ms of 20 ms, 0.1 ms of 2 ms."""
    return float(10.0 ** math.floor(math.log10(bound / 4))) if bound > 0 else 0.0


def loosened(constraints: Sequence[Constraint], axis: Quantity, step: float) -> tuple[Constraint, ...]:
    """The same constraints with ``step`` more of one quantity allowed."""
    return tuple(
        replace(constraint, at_most=constraint.at_most + step) if constraint.quantity == axis else constraint
        for constraint in constraints
    )


def block_reasons(
    model: CostModel, choices: Sequence[int], axis: Quantity, constraints: Sequence[Constraint], step: float
) -> tuple[BlockReason, ...]:
    """One reason a block, with all other blocks as they are."""
    shares = model.share(axis, choices)
    demands = (tuple(constraints), loosened(constraints, axis, step))
    costs = {axis, *(constraint.quantity for constraint in constraints)} - {Rating()}
    return tuple(
        _reason(model, choices, use, axis, demands, None if shares is None else shares[use.block])
        for use in usefulness(model, sorted(costs, key=str))
    )


def _reason(
    model: CostModel,
    choices: Sequence[int],
    use: Usefulness,
    axis: Quantity,
    demands: tuple[tuple[Constraint, ...], tuple[Constraint, ...]],
    share: float | None,
) -> BlockReason:
    block = use.block
    chosen, totals = int(choices[block]), model.problem.swapped(choices, block)
    ratings, costs = model.values(Rating(), totals), model.values(axis, totals)
    others = np.arange(ratings.size) != chosen
    runner_up = _best(ratings, model.meets(demands[0], totals) & others)
    wider = _best(ratings, model.meets(demands[1], totals))
    own = model.problem.column_of_ratings(block)

    def line(candidate: int) -> str:
        return str(model.space.index.choice(block, candidate))

    return BlockReason(
        block=block,
        choice=line(chosen),
        rating=float(own[chosen]),
        cost=share,
        runner_up=None if runner_up is None else line(runner_up),
        runner_up_rating=None if runner_up is None else float(own[runner_up]),
        runner_up_cost=None if runner_up is None or share is None else share + float(costs[runner_up] - costs[chosen]),
        gain_of_step=0.0 if wider is None else max(0.0, float(ratings[chosen] - ratings[wider])),
        candidates=use.candidates,
        useful=use.useful,
        never=use.never,
    )


def _best(ratings: NDArray[np.float64], allowed: NDArray[np.bool_]) -> int | None:
    """The allowed candidate with the best rating."""
    if not allowed.any():
        return None
    return int(np.argmin(np.where(allowed, ratings, np.inf)))
