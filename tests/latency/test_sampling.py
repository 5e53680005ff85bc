"""The order of measuring: interleaved, random, resumable, and within its budget. No clock but a pretended one."""

from __future__ import annotations

from collections import Counter

from dna_deploy.latency.sampling import ProbeError, Visit, order_of_round, sample
from dna_deploy.latency.worker import warm_up
from dna_deploy.targets.plan import MOST_TIMES, SamplingPlan

NAMES = ("a", "b", "c", "d", "e")


class FakeTime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakeBench:
    def __init__(self, clock: FakeTime, cost: float = 1.0, broken: str = "") -> None:
        self.clock, self.cost, self.broken = clock, cost, broken
        self.order: list[str] = []

    def visit(self, name: str) -> tuple[int, ...]:
        self.order.append(name)
        self.clock.now += self.cost
        if name == self.broken:
            raise ProbeError("it broke")
        return (100, 101)


def test_every_model_is_visited_once_a_round_in_an_order_that_changes() -> None:
    clock = FakeTime()
    bench = FakeBench(clock)
    visits = list(sample(bench, NAMES, SamplingPlan(rounds=20), clock))
    rounds = [tuple(bench.order[start : start + 5]) for start in range(0, 100, 5)]
    assert all(sorted(order) == sorted(NAMES) for order in rounds)
    assert len(set(rounds)) > 10
    assert Counter(visit.round for visit in visits) == dict.fromkeys(range(20), 5)


def test_an_interrupted_run_goes_on_at_the_very_visit_where_it_stopped() -> None:
    clock, plan = FakeTime(), SamplingPlan(rounds=6, seed=3)
    whole = list(sample(FakeBench(clock), NAMES, plan, clock))
    done = {(visit.round, visit.name) for visit in whole[:13]}
    assert list(sample(FakeBench(clock), NAMES, plan, clock, done)) == whole[13:]


def test_a_failing_model_is_reported_once_and_left_out_afterwards() -> None:
    clock = FakeTime()
    bench = FakeBench(clock, broken="c")
    visits = list(sample(bench, NAMES, SamplingPlan(rounds=4), clock))
    assert [visit for visit in visits if visit.failure] == [Visit(0, "c", (), "it broke")]
    assert bench.order.count("c") == 1
    assert bench.order.count("a") == 4


def test_a_budget_ends_the_run_before_a_round_that_would_not_fit() -> None:
    clock = FakeTime()
    list(sample(FakeBench(clock, cost=2.0), NAMES, SamplingPlan(rounds=100, budget_s=45.0), clock))
    assert clock.now == 40.0


def test_small_models_get_more_rounds_until_the_least_time_is_used_but_not_without_end() -> None:
    for cost, rounds in ((1.0, 20), (0.01, 10 * MOST_TIMES), (4.0, 10)):
        clock = FakeTime()
        visits = list(sample(FakeBench(clock, cost), NAMES, SamplingPlan(rounds=10, least_s=100.0), clock))
        assert len(visits) == rounds * len(NAMES)


def test_the_expected_rounds_are_those_that_will_be_done() -> None:
    assert SamplingPlan(rounds=10).expected_rounds(2, 8.0) == 10
    assert SamplingPlan(rounds=10, least_s=100.0).expected_rounds(2, 8.0) == 25
    assert SamplingPlan(rounds=10, least_s=100.0, budget_s=40.0).expected_rounds(2, 8.0) == 10
    assert SamplingPlan(rounds=10, budget_s=1.0).expected_rounds(2, 8.0) == 2
    assert SamplingPlan(rounds=10, least_s=100.0).expected_rounds(30, 101.0) == 30  # more than were asked for, and then it ends


def test_time_spent_before_an_interruption_counts_against_the_budget() -> None:
    clock, plan = FakeTime(), SamplingPlan(rounds=100, budget_s=45.0)
    done = {(0, name) for name in NAMES}
    list(sample(FakeBench(clock, cost=2.0), NAMES, plan, clock, done, spent_s=30.0))
    assert clock.now == 10.0


def test_the_order_of_a_round_depends_on_nothing_but_seed_and_round() -> None:
    assert order_of_round(NAMES, 1, 2) == order_of_round(tuple(reversed(NAMES)), 1, 2)
    assert order_of_round(NAMES, 1, 2) != order_of_round(NAMES, 2, 2) or order_of_round(NAMES, 1, 3) != order_of_round(
        NAMES, 2, 3
    )


def test_a_warm_up_lasts_for_both_its_runs_and_its_seconds() -> None:
    clock = FakeTime()

    class Session:
        runs = 0

        def run(self) -> None:
            self.runs += 1
            clock.now += 0.5

        def time_runs(self, runs: int) -> list[int]:
            return [1] * runs

    for runs, seconds, expected in ((3, 0.0, 3), (1, 2.0, 4), (0, 0.0, 0)):
        session = Session()
        warm_up(session, runs, seconds, clock)
        assert session.runs == expected
