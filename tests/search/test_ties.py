"""Where the errors of ratings cannot tell networks apart, the cheapest is preferred, and the proven optimum is still shown."""

from __future__ import annotations

import math
import random

import pytest

from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, Rating, search
from dna_deploy.spaces.architecture import Architecture
from tests.search.brute_force import Census
from tests.search.instances import Instance, random_ratings, small_instance
from tests.search.made import layers_unlike, within


def unsure_instance(seed: int, error: float = 0.1) -> Instance:
    """A small instance whose ratings carry errors."""
    sure = small_instance(seed, targets=2)
    return Instance(sure.space, random_ratings(sure.space, random.Random(seed), error=error), sure.tables)


def answer(instance: Instance, constraints: list[Constraint], **asked: object) -> SearchOutcome:
    return search(instance.space, instance.ratings, instance.tables, constraints, **asked)  # type: ignore[arg-type]


def cheapest_tied(census: Census, ratings: RatingTable, allowed: list[Architecture], error: float) -> Architecture:
    """By looking at every network: the cheapest that is beaten in rating and cost by none and by the optimum not surely."""
    latency, rating = Latency("device-0"), Rating()
    points = {network: (census.of(network, latency), census.of(network, rating)) for network in allowed}
    optimum = min(allowed, key=lambda network: points[network][::-1])

    def is_tied(network: Architecture) -> bool:
        differing = sum(one != other for one, other in zip(network.parts, optimum.parts, strict=True))
        deviation = error * math.sqrt(2 * differing)
        return points[network][1] - points[optimum][1] <= deviation

    front = [one for one in allowed if not any(a <= points[one][0] and b < points[one][1] for a, b in points.values())]
    return min((network for network in front if is_tied(network)), key=lambda network: points[network])


def test_the_cheapest_tied_network_is_the_answer_as_brute_force_finds_it() -> None:
    passed_over = 0
    for seed in range(60):
        instance = unsure_instance(seed)
        census = Census(instance)
        constraints = within(census, 0.7)
        allowed = census.feasible(constraints)
        outcome = answer(instance, constraints)
        expected = cheapest_tied(census, instance.ratings, allowed, 0.1)
        assert outcome.best.architecture == str(expected), seed
        optimum = min(census.of(network, Rating()) for network in allowed)
        if outcome.passed_over is not None:
            passed_over += 1
            assert outcome.passed_over.rating == pytest.approx(optimum)
            assert outcome.others[0].architecture == outcome.passed_over.architecture
            assert outcome.best.targets[0].latency_s < outcome.others[0].targets[0].latency_s
        else:
            assert outcome.best.rating == pytest.approx(optimum)
    assert passed_over >= 20


def test_the_optimum_itself_can_be_asked_for() -> None:
    for seed in range(20):
        instance = unsure_instance(seed)
        preferred, optimum = answer(instance, []), answer(instance, [], prefer_cheaper=False)
        assert optimum.passed_over is None
        assert optimum.ties == preferred.ties
        assert optimum.best == (preferred.others[0] if preferred.passed_over else preferred.best)
        assert optimum.proof.gap == preferred.proof.gap == 0


def test_ratings_without_errors_tie_with_nothing() -> None:
    for seed in range(20):
        outcome = answer(unsure_instance(seed, error=0.0), [])
        assert (outcome.ties, outcome.passed_over) == ((), None)


def test_a_higher_confidence_never_ties_with_less() -> None:
    for seed in range(20):
        instance = unsure_instance(seed)
        few, many = (answer(instance, [], confidence=share) for share in (0.9, 0.99))
        assert len(few.ties) <= len(many.ties)


def test_what_is_preferred_keeps_a_lower_bound_on_the_cost() -> None:
    for seed in range(30):
        instance = unsure_instance(seed, error=0.5)
        census = Census(instance)
        (budget,) = within(census, 0.6)
        outcome = answer(instance, [Constraint(Latency("device-0"), at_least=budget.at_most)])
        assert outcome.constraints[0].found >= budget.at_most * (1 - 1e-12), seed


@pytest.mark.slow
def test_a_list_loses_none_of_the_k_best_to_the_preferred_one() -> None:
    for seed in range(30):
        instance = unsure_instance(seed)
        census = Census(instance)
        constraints = within(census, 0.7)
        expected = sorted(census.of(network, Rating()) for network in census.feasible(constraints))[:5]
        outcome = answer(instance, constraints, top=5)
        found = sorted({network.architecture: network.rating for network in (outcome.best, *outcome.others)}.values())
        assert found[: len(expected)] == pytest.approx(expected), seed


def test_diverse_networks_differ_from_the_preferred_one() -> None:
    for seed in range(20):
        outcome = answer(unsure_instance(seed), [], top=3, differences=2)
        lines = [network.architecture for network in (outcome.best, *outcome.others)]
        assert len(lines) <= 3
        assert all(layers_unlike(one, other) >= 2 for at, one in enumerate(lines) for other in lines[:at])


def test_nothing_is_preferred_where_something_else_is_made_small() -> None:
    outcome = answer(unsure_instance(3), [], objective=Latency("device-0"))
    assert outcome.ties == ()
    assert outcome.best.targets[0].latency_s == pytest.approx(outcome.front.points[0].costs[0])
