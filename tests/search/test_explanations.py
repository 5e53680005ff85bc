"""The search says why: what each block costs, what was tied, what would make an impossible budget possible."""

from __future__ import annotations

import doctest
import importlib
import random
import re
from pathlib import Path

import pytest

from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, Macs, Rating, WeightBytes, portfolio, search, search_black_box
from dna_deploy.search.example import RATINGS, SPACE, TABLE
from tests.search.brute_force import Census
from tests.search.instances import Instance, random_table, small_instance


@pytest.mark.parametrize("module", ["question", "constraints"])
def test_examples_in_docstrings_run(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"dna_deploy.search.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_block_shares_add_up_to_the_prediction_with_the_fixed_parts() -> None:
    outcome = search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "3ms")])
    shares = sum(reason.cost for reason in outcome.blocks if reason.cost is not None)
    fixed = 0.5e-3 + 0.5e-3 + 1e-4  # stem, head, overhead
    assert shares + fixed == pytest.approx(outcome.best.targets[0].latency_s)
    assert sum(reason.rating for reason in outcome.blocks) == pytest.approx(outcome.best.rating)


def test_infeasible_budget_names_the_fastest_and_the_fixed_part() -> None:
    with pytest.raises(InfeasibleError) as caught:
        search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "1ms")])
    assert "at most 1.00 ms" in caught.value.message
    assert "2.1000 ms" in caught.value.hint
    assert "1.10 ms" in caught.value.hint


def test_budget_that_the_hint_names_is_feasible() -> None:
    with pytest.raises(InfeasibleError) as caught:
        search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "1ms")])
    assert "2.1000 ms" in caught.value.hint
    search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "2.1000ms")])


def test_each_of_two_constraints_gets_its_smallest_relaxation() -> None:
    best = search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "2.5ms")])
    asked = [Constraint.parse("latency", "2.5ms"), Constraint(Rating(), at_most=best.best.rating * 0.9)]
    with pytest.raises(InfeasibleError) as caught:
        search(SPACE, RATINGS, [TABLE], asked)
    assert caught.value.hint.count("would do") == 2


def three_tight_devices(seed: int) -> tuple[Instance, list[Constraint]]:
    """Budgets of which each can be kept, but no two together."""
    instance = small_instance(seed, targets=3)
    census = Census(instance)
    costs = [Latency(f"device-{index}") for index in range(3)]
    return instance, [
        Constraint(cost, at_most=1.000001 * min(census.of(network, cost) for network in census.layers)) for cost in costs
    ]


def test_where_no_single_bound_is_enough_all_of_them_looser_by_the_named_share_would_do() -> None:
    named = 0
    for seed in range(200):
        instance, tight = three_tight_devices(seed)
        if any(Census(instance).feasible([tight[at] for at in pair]) for pair in ((0, 1), (0, 2), (1, 2))):
            continue
        with pytest.raises(InfeasibleError) as caught:
            search(instance.space, instance.ratings, instance.tables, tight)
        found = re.fullmatch(r"no single bound is enough; all of them looser by (.+)% would do", caught.value.hint)
        assert found, caught.value.hint
        share = float(found[1]) / 100
        search(instance.space, instance.ratings, instance.tables, looser(tight, share))
        with pytest.raises(InfeasibleError):
            search(instance.space, instance.ratings, instance.tables, looser(tight, share - 0.003))
        named += 1
        if named == 3:
            return
    raise AssertionError(named)


def looser(constraints: list[Constraint], share: float) -> list[Constraint]:
    return [Constraint(one.quantity, at_most=one.at_most * (1 + share)) for one in constraints]


def test_contradiction_is_named() -> None:
    with pytest.raises(UsageError, match="contradiction"):
        search(SPACE, RATINGS, [TABLE], [Constraint(Macs(), at_most=100), Constraint(Macs(), at_least=200)])


def test_confidence_plans_with_an_upper_bound() -> None:
    budget = Constraint.parse("latency", "2.9ms")
    plain = search(SPACE, RATINGS, [TABLE], [budget])
    careful = search(SPACE, RATINGS, [TABLE], [budget], confidence=0.95)
    assert plain.best.targets[0].latency_s == pytest.approx(2.9e-3)
    assert careful.best.targets[0].latency_s < careful.best.targets[0].planned_s <= 2.9e-3


def test_outcome_survives_its_file(tmp_path: Path) -> None:
    outcome = search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "3ms")], top=3)
    outcome.write(tmp_path / "outcome.json")
    again = SearchOutcome.read(tmp_path / "outcome.json")
    assert again == outcome
    assert str(again.network(SPACE)) == outcome.best.architecture


def test_tables_of_another_space_are_refused() -> None:
    other = small_instance(1)
    with pytest.raises(TableError, match="latency table is for space"):
        search(SPACE, RATINGS, other.tables, [])
    with pytest.raises(TableError, match="rating table is for space"):
        search(SPACE, other.ratings, [TABLE], [])


def test_two_targets_need_a_name() -> None:
    instance = small_instance(5, targets=2)
    with pytest.raises(UsageError, match="which target"):
        search(instance.space, instance.ratings, instance.tables, [Constraint(Latency(), at_most=1)])


def test_one_network_for_two_equal_devices_and_two_for_unlike_ones() -> None:
    rng = random.Random(1)
    tables = [random_table(SPACE, rng, "a"), random_table(SPACE, rng, "b")]
    latencies = {}
    for table in tables:
        points = search(SPACE, RATINGS, [table]).front.points
        latencies[table.target.name] = (points[0].costs[0], points[-1].costs[0])
    roomy = [Constraint(Latency(name), at_most=most) for name, (_, most) in latencies.items()]
    assert len(portfolio(SPACE, RATINGS, tables, roomy, within=0.0).fewest) == 1
    unlike = [Constraint(Latency("a"), at_most=latencies["a"][0]), roomy[1]]
    answer = portfolio(SPACE, RATINGS, tables, unlike, within=0.01)
    assert sorted(device for shared in answer.fewest for device in shared.devices) == ["a", "b"]
    assert all(shared.loss <= 0.01 for shared in answer.fewest)


def test_black_box_search_keeps_the_budget_and_resumes(tmp_path: Path) -> None:
    pytest.importorskip("pymoo")
    budget = [Constraint.parse("latency", "3ms")]
    calls: list[str] = []

    def rate(network: object) -> float:
        calls.append(str(network))
        return RATINGS.of(SPACE, network)  # type: ignore[arg-type]

    log = tmp_path / "log.jsonl"
    first = search_black_box(SPACE, rate, [TABLE], budget, evaluations=12, log=log)
    rated = len(calls)
    again = search_black_box(SPACE, rate, [TABLE], budget, evaluations=12, log=log)
    assert len(calls) == rated
    assert again.best == first.best
    assert first.proof.gap is None
    assert first.best.rating == pytest.approx(search(SPACE, RATINGS, [TABLE], budget).best.rating)


def test_black_box_search_rates_nothing_under_an_impossible_budget() -> None:
    def rate(network: object) -> float:
        raise AssertionError

    with pytest.raises(InfeasibleError):
        search_black_box(SPACE, rate, [TABLE], [Constraint.parse("latency", "1ms")], strategy="random")


def test_size_is_counted_in_the_precision_of_the_target() -> None:
    outcome = search(SPACE, RATINGS, [TABLE], [Constraint(WeightBytes(), at_most=1e9)])
    assert outcome.constraints[0].found == 4 * outcome.best.deployed_parameters
