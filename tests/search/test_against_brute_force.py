"""The search equals looking at every network: 1,000 random instances, every kind of constraint, coupled widths."""

from __future__ import annotations

import math
import random

import pytest

from dna_deploy.errors import InfeasibleError
from dna_deploy.search import (
    Constraint,
    Latency,
    Macs,
    Parameters,
    PeakMemory,
    Quantity,
    Rating,
    WeightBytes,
    largest_that_fits,
    pareto_front,
    search,
)
from tests.search.brute_force import Census, front
from tests.search.instances import small_instance
from tests.search.made import layers_unlike, within

QUANTITIES: tuple[Quantity, ...] = (
    Latency("device-0"),
    Latency("device-0", "p90"),
    Latency("device-1"),
    Parameters(),
    Macs(),
    WeightBytes("device-1"),
    PeakMemory("device-0"),
    Rating(),
)


def random_constraints(census: Census, rng: random.Random) -> list[Constraint]:
    """One to three bounds, some of them exactly met by a network, a quarter of them lower bounds."""
    constraints = []
    for quantity in rng.sample(QUANTITIES, rng.choice((1, 1, 2, 3))):
        values = [value for network in census.layers if math.isfinite(value := census.of(network, quantity))]
        bound = rng.choice(values or [1.0]) * rng.choice((1, 1, 0.97, 1.2))
        least = quantity != Rating() and rng.random() < 0.25
        constraints.append(Constraint(quantity, at_least=bound) if least else Constraint(quantity, at_most=bound))
    return constraints


@pytest.mark.parametrize("hundred", [0, *(pytest.param(hundred, marks=pytest.mark.slow) for hundred in range(1, 10))])
def test_best_network_equals_brute_force_on_a_hundred_instances(hundred: int) -> None:
    answered = 0
    for seed in range(100 * hundred, 100 * hundred + 100):
        rng = random.Random(seed)
        instance = small_instance(seed, targets=2, absent=0.1 if seed % 5 == 0 else 0.0)
        census = Census(instance)
        constraints = random_constraints(census, rng)
        objective = rng.choice((Rating(), Rating(), Latency("device-0"), Macs()))
        allowed = census.feasible([*constraints, Constraint(objective)])
        if not allowed:
            with pytest.raises(InfeasibleError):
                search(instance.space, instance.ratings, instance.tables, constraints, objective=objective)
            continue
        outcome = search(instance.space, instance.ratings, instance.tables, constraints, objective=objective)
        best = instance.space.parse(outcome.best.architecture)
        assert best in allowed, seed
        expected = min(census.of(network, objective) for network in allowed)
        assert census.of(best, objective) == pytest.approx(expected, rel=1e-11), seed
        answered += 1
    assert answered >= 50


@pytest.mark.slow
def test_every_listed_network_is_one_of_the_k_best() -> None:
    for seed in range(40):
        instance = small_instance(seed, targets=2)
        census = Census(instance)
        constraints = within(census, 0.5)
        expected = sorted(census.of(network, Rating()) for network in census.feasible(constraints))[:7]
        outcome = search(instance.space, instance.ratings, instance.tables, constraints, top=7)
        found = [outcome.best, *outcome.others]
        assert len({network.architecture for network in found}) == len(found)
        assert [network.rating for network in found] == pytest.approx(expected, rel=1e-11), seed


def test_diverse_networks_are_each_the_best_of_those_that_differ_enough() -> None:
    for seed in range(30):
        instance = small_instance(seed, targets=2)
        census = Census(instance)
        constraints = within(census, 0.7)
        pool = {str(network): census.of(network, Rating()) for network in census.feasible(constraints)}
        expected = []
        while pool and len(expected) < 4:
            best = min(pool, key=lambda line: pool[line])
            expected.append(pool[best])
            pool = {line: rating for line, rating in pool.items() if layers_unlike(line, best) >= 2}
        outcome = search(instance.space, instance.ratings, instance.tables, constraints, top=4, differences=2)
        assert [network.rating for network in (outcome.best, *outcome.others)] == pytest.approx(expected), seed


def test_front_over_one_cost_is_complete() -> None:
    for seed in range(100):
        instance = small_instance(seed, targets=2)
        census = Census(instance)
        points = [(census.of(network, Latency("device-0")), census.of(network, Rating())) for network in census.layers]
        found = pareto_front(instance.space, instance.ratings, instance.tables, [Latency("device-0")])
        expected = front(points)
        assert found.epsilon == 0
        assert found.costs[0] == pytest.approx([cost for cost, _ in expected], rel=1e-11), seed
        assert found.ratings == pytest.approx([rating for _, rating in expected], rel=1e-11), seed


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def test_front_over_three_costs_under_a_constraint_is_complete() -> None:
    axes = (Latency("device-0"), Latency("device-1"), PeakMemory("device-0"), Rating())
    for seed in range(40):
        instance = small_instance(seed, targets=2)
        census = Census(instance)
        most = sorted(census.of(network, Parameters()) for network in census.layers)[2 * len(census.layers) // 3]
        limit = Constraint(Parameters(), at_most=most)
        points = {tuple(round(census.of(network, axis), 12) for axis in axes) for network in census.feasible([limit])}
        expected = {point for point in points if not any(beats(other, point) for other in points)}
        found = pareto_front(instance.space, instance.ratings, instance.tables, axes[:-1], [limit])
        rows = zip(*(row.tolist() for row in found.costs), found.ratings.tolist(), strict=True)
        assert {tuple(round(value, 12) for value in row) for row in rows} == expected, seed


def test_largest_network_that_fits_has_the_most_macs() -> None:
    for seed in range(30):
        instance = small_instance(seed)
        census = Census(instance)
        constraints = within(census, 0.3)
        expected = max(census.of(network, Macs()) for network in census.feasible(constraints))
        assert largest_that_fits(instance.space, instance.ratings, instance.tables, constraints).macs == expected
