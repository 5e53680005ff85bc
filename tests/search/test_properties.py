"""What must hold on any instance whatever, searched for counterexamples by hypothesis."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dna_deploy.errors import InfeasibleError
from dna_deploy.records.rating_table import BlockRatings, CellRatings
from dna_deploy.search import Constraint, Latency, pareto_front, search
from dna_deploy.spaces.block import Block, Cell
from tests.search.instances import Instance, small_instance

SEEDS = st.integers(0, 10**6)
SHARES = st.floats(0, 1.2, allow_nan=False)


def best_rating(instance: Instance, budget: float) -> float:
    try:
        outcome = search(instance.space, instance.ratings, instance.tables, [Constraint(Latency(), at_most=budget)])
    except InfeasibleError:
        return float("inf")
    assert outcome.constraints[0].found <= budget * (1 + 1e-12)
    assert outcome.best.targets[0].latency_s <= budget * (1 + 1e-12)
    return outcome.best.rating


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_front_is_monotone_and_non_dominated(seed: int) -> None:
    instance = small_instance(seed)
    front = pareto_front(instance.space, instance.ratings, instance.tables, [Latency()])
    costs, ratings = front.costs[0].tolist(), front.ratings.tolist()
    assert all(a < b for a, b in pairwise(costs))
    assert all(a > b for a, b in pairwise(ratings))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(SEEDS, SHARES, SHARES)
def test_more_budget_never_gives_a_worse_rating(seed: int, one: float, other: float) -> None:
    instance = small_instance(seed)
    costs = pareto_front(instance.space, instance.ratings, instance.tables, [Latency()]).costs[0]
    budgets = sorted(float(costs[0] + share * (costs[-1] - costs[0])) for share in (one, other))
    assert best_rating(instance, budgets[1]) <= best_rating(instance, budgets[0])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_budget_equal_to_the_fastest_network_to_the_last_digit_is_feasible(seed: int) -> None:
    instance = small_instance(seed)
    fastest = min(instance.latency(network) for network in instance.space.architectures())
    assert best_rating(instance, fastest) < float("inf")
    assert best_rating(instance, fastest * (1 - 1e-9)) == float("inf")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(1, 1e6), st.floats(1 + 1e-9, 1e6))
def test_generous_bounds_change_nothing(seed: int, times: float, fraction: float) -> None:
    """However far above (or, for a lower bound, below) every network they are; two sums of one network differ by rounding."""
    instance = small_instance(seed)
    free = search(instance.space, instance.ratings, instance.tables)
    worst = max(instance.latency(network) for network in instance.space.architectures())
    wide = Constraint(Latency(), at_most=worst * times, at_least=free.front.points[0].costs[0] / fraction)
    outcome = search(instance.space, instance.ratings, instance.tables, [wide])
    assert outcome.best.architecture == free.best.architecture
    assert outcome.gain_of_step == 0


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(SEEDS, SHARES)
def test_permuting_candidates_changes_nothing(seed: int, share: float) -> None:
    instance = small_instance(seed)
    costs = pareto_front(instance.space, instance.ratings, instance.tables, [Latency()]).costs[0]
    budget = float(costs[0] + share * (costs[-1] - costs[0]))
    shuffled = permuted(instance, random.Random(seed))
    here = search(instance.space, instance.ratings, instance.tables, [Constraint(Latency(), at_most=budget)])
    there = search(shuffled.space, shuffled.ratings, shuffled.tables, [Constraint(Latency(), at_most=budget)])
    assert here.best.architecture == there.best.architecture
    assert [point.architecture for point in here.front.points] == [point.architecture for point in there.front.points]


def permuted(instance: Instance, rng: random.Random) -> Instance:
    """The same problem with the cells of every block and the operations of every layer in another order."""
    blocks = []
    for block in instance.space.blocks:
        cells = [Cell(cell.width, tuple(tuple(rng.sample(ops, len(ops))) for ops in cell.layers)) for cell in block.cells]
        blocks.append(Block(block.stride, tuple(rng.sample(cells, len(cells)))))
    space = replace(instance.space, blocks=tuple(blocks))
    ratings = tuple(
        BlockRatings(cells=tuple(
            CellRatings(
                width=cell.width, depth=cell.depth, standard_errors=(0.0,) * cell.count(),
                ratings=tuple(instance.ratings.of_choice(instance.space, index, choice) for choice in cell.candidates()),
            )
            for cell in block.cells
        ))
        for index, block in enumerate(space.blocks)
    )  # fmt: skip
    rated = instance.ratings.model_copy(update={"space_digest": space.digest, "blocks": ratings})
    tables = tuple(table.model_copy(update={"space_digest": space.digest}) for table in instance.tables)
    return Instance(space, rated, tables)
