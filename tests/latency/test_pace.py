"""The processor's pace: what is measured beside a slower one is thrown away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from dna_deploy.errors import UnstableMeasurementError
from dna_deploy.latency.doubts import doubts_about_model
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.pace import PATIENCE_S, Pace, multiply
from dna_deploy.latency.worker import Worker
from dna_deploy.progress import Progress
from dna_deploy.records.model_card import Absent, MeasuredLatency
from dna_deploy.records.profile_run import Conditions
from dna_deploy.records.samples import TAILS, Samples
from dna_deploy.targets.machine import fingerprint
from dna_deploy.targets.plan import SamplingPlan
from tests.latency.pretend import PLAN, TARGET, offer_runtime


class Processor:
    """A clock that is driven by work, each piece of which takes what a script says."""

    def __init__(self, *paces: int, then: int = 100) -> None:
        self.now, self._paces = 0, chain(paces, repeat(then))

    def clock(self) -> int:
        return self.now

    def work(self) -> None:
        self.now += next(self._paces)

    def pace(self, watch_s: float = 0.0) -> Pace:
        return Pace(self.work, self.clock, watch_s)


def test_the_better_of_two_looks_decides() -> None:
    processor = Processor(100, 100, 200, 100, 200, 200, 103, 200, 104, 104)
    pace = processor.pace()
    assert [pace.is_steady() for _ in range(4)] == [True, False, True, False]


def test_a_visit_is_repeated_until_the_pace_is_steady_on_both_sides() -> None:
    slow, well = (140, 140), (100, 100)
    processor = Processor(*well, *slow, *well, *slow, *well, *well)
    names = iter("ab")
    assert processor.pace().undisturbed(lambda: [ord(next(names))]) == ([ord("b")], pytest.approx(760e-9))


def test_the_best_pace_is_looked_for_before_anything_is_measured() -> None:
    slow_at_first = Processor(*[140] * 8, *[100] * 20, then=140)
    pace = slow_at_first.pace(watch_s=3e-6)
    assert not pace.is_steady(), "140 is what it began with, not what the processor can"


def test_a_processor_that_is_never_steady_is_an_error() -> None:
    processor = Processor(100, 100, then=10**9)
    with pytest.raises(UnstableMeasurementError, match=f"for {PATIENCE_S:g} s") as caught:
        processor.pace().undisturbed(lambda: [1])
    assert "leave out --steady" in caught.value.hint


def test_real_work_takes_time_and_is_steady_at_some_moment() -> None:
    pace = Pace(multiply, watch_s=0.01)
    assert any(pace.is_steady() for _ in range(10_000))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    offer_runtime(tmp_path, monkeypatch)
    path = tmp_path / "model"
    path.write_text("1000")
    yield path


def test_a_worker_throws_visits_away_only_where_the_plan_says_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Processor(100, 100, 140, 140)
    monkeypatch.setattr("dna_deploy.latency.worker.Pace", slow.pace)
    worker = Worker(TARGET)
    worker.answer({"do": "load", "name": "model", "path": str(model)})
    visit = {"do": "visit", "name": "model", "warmup_runs": 0, "warmup_s": 0.0, "runs": 3}
    assert worker.answer({**visit, "steady": False})["waited_s"] == 0
    answer = worker.answer({**visit, "steady": True})
    assert answer["waited_s"] == pytest.approx(280e-9)
    assert len(answer["samples_ns"]) == 3


@pytest.mark.slow
def test_a_model_can_be_measured_with_a_steady_plan(model: Path) -> None:
    plan = PLAN.model_copy(update={"steady": True, "rounds": 2})
    measured = measure_model(model, TARGET, plan)
    assert measured.samples.count == 2 * plan.runs
    assert measured.plan.steady


def test_much_waiting_is_a_doubt_and_little_is_none() -> None:
    samples, machine = Samples(visits_ns=((1000, 1000),) * 96), fingerprint("1", {})
    for disturbed, expected in ((0.0, False), (0.1, False), (0.5, True)):
        doubts = doubts_about_model(samples, Conditions(other_load=(), disturbed=disturbed, seconds=1.0), machine, TARGET)
        assert ("shared" in [doubt.name for doubt in doubts]) == expected
    assert "50%" in next(doubt.message for doubt in doubts if doubt.name == "shared")


def test_what_was_made_before_keeps_its_text() -> None:
    assert "steady" not in json.loads(SamplingPlan().model_dump_json())
    assert SamplingPlan.model_validate_json(SamplingPlan(steady=True).model_dump_json()).steady
    conditions = Conditions(other_load=(), seconds=1.0)
    assert "disturbed" not in conditions.model_dump()
    assert Conditions.model_validate(conditions.model_copy(update={"disturbed": 0.3}).model_dump()).disturbed == 0.3


@pytest.mark.slow
def test_a_steady_measurement_does_not_speak_of_its_tail(model: Path) -> None:
    measured = measure_model(model, TARGET, PLAN.model_copy(update={"steady": True, "rounds": 64}))
    assert measured.samples.can_tell("p90")
    assert measured.why_not("p90") == "slow moments were thrown away (steady)"
    assert measured.p50.seconds > 0
    for tail in TAILS:
        with pytest.raises(UnstableMeasurementError, match="thrown away"):
            measured.quantile(tail)
    card = MeasuredLatency.of(measured, "p50")
    assert card.p90_s == Absent(reason="slow moments were thrown away (steady)")
    assert card.rhythm == "runs back to back, only in moments when nobody else was at work"


def test_a_rest_comes_before_every_timed_run_and_is_said(model: Path) -> None:
    rests: list[float] = []
    worker = Worker(TARGET, rests.append)
    worker.answer({"do": "load", "name": "model", "path": str(model)})
    visit = {"do": "visit", "name": "model", "warmup_runs": 0, "warmup_s": 0.0, "runs": 3, "steady": False}
    assert len(worker.answer({**visit, "idle_s": 0.033})["samples_ns"]) == 3
    assert rests == [0.033] * 3
    worker.answer(visit)
    assert len(rests) == 3
    measured = measure_model(model, TARGET, PLAN.model_copy(update={"idle_s": 0.001}))
    assert MeasuredLatency.of(measured, "p50").rhythm == "each run after a rest of 1 ms, every moment counted"
    assert "idle_s" not in SamplingPlan().model_dump()


def test_a_small_model_that_gets_further_rounds_is_told_as_a_part_of_all_of_them(model: Path) -> None:
    told: list[Progress] = []
    plan = PLAN.model_copy(update={"rounds": 2, "least_s": 30.0})
    measured = measure_model(model, TARGET, plan, told.append)
    assert measured.samples.count > 2 * plan.runs
    assert all(progress.done <= progress.total for progress in told)
    assert told[-1].total - told[-1].done <= 1  # the last look at the clock comes after the last word
