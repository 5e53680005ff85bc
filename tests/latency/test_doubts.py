"""Each doubt speaks when its cause is there, and is silent otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dna_deploy.latency.doubts import doubts_about, doubts_about_model
from dna_deploy.records.doubt import Grade, worst_grade
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import Calibration, LatencyRow
from dna_deploy.records.profile_run import AbsentProbe, Conditions, ProbeSamples, ProfileRun
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from tests.latency.pretend import FITTED, TARGET

ROUNDS = 30
MACHINE = Fingerprint(processor="p", logical_processors=4, system="s", governor="performance", runtime_version="pretend 1")
ROW = LatencyRow(layer="a", latency_s=1e-3, standard_error_s=1e-6, samples=60)


def steady(share: float) -> float:
    return 1.0


def make_run(shape: Callable[[float], float] = steady, sentinel: Callable[[float], float] = steady) -> ProfileRun:
    rng = random.Random(0)

    def samples(of: Callable[[float], float]) -> Samples:
        times = [1e6 * of(round / ROUNDS) for round in range(ROUNDS)]
        return Samples(visits_ns=tuple(tuple(int(time * rng.uniform(0.998, 1.002)) for _ in range(2)) for time in times))

    return ProfileRun(
        provenance=Provenance.now(), space="s", space_digest="sha256:0", head="", kit_digest="sha256:0", target=TARGET,
        fingerprint=MACHINE, plan=SamplingPlan(), rounds=ROUNDS, absent=(),
        conditions=Conditions(other_load=(0.02,) * ROUNDS, seconds=10.0),
        probes=(
            ProbeSamples(role="sentinel", key="a", samples=samples(sentinel)),
            ProbeSamples(role="layer", key="a", samples=samples(shape)),
            ProbeSamples(role="calibration", key="n", samples=samples(shape)),
        ),
    )  # fmt: skip


def found(run: ProfileRun, calibrations: tuple[Calibration, ...] = (FITTED,)) -> dict[str, Grade]:
    return {doubt.name: doubt.grade for doubt in doubts_about([run], [ROW], calibrations)}


def with_conditions(**changes: object) -> ProfileRun:
    run = make_run()
    return run.model_copy(update={"conditions": run.conditions.model_copy(update=changes)})


def on_two_threads(**changes: object) -> ProfileRun:
    return with_conditions(**changes).model_copy(update={"target": TARGET.model_copy(update={"threads": 2})})


def with_governor(name: str) -> ProfileRun:
    run = make_run()
    return run.model_copy(update={"fingerprint": run.fingerprint.model_copy(update={"governor": name})})


def test_a_quiet_machine_leaves_no_doubt_and_has_grade_a() -> None:
    assert found(make_run()) == {}
    assert worst_grade(()) == "A"


@pytest.mark.parametrize(
    ("run", "doubts"),
    [
        (make_run(shape=lambda share: 1.0 if share < 0.5 else 1.03), {"split-halves": "B"}),
        (make_run(shape=lambda share: 1.0 if share < 0.5 else 1.15), {"split-halves": "D"}),
        (make_run(sentinel=lambda share: 1.0 + 0.08 * share), {"drift": "B"}),
        (make_run(sentinel=lambda share: 1.0 - 0.3 * share), {"drift": "D"}),
        (with_conditions(other_load=(0.3,) * ROUNDS), {"other-load": "B"}),
        (with_conditions(other_load=(2.0,) * ROUNDS), {"other-load": "C"}),
        (with_conditions(other_load=(3.6,) * ROUNDS), {"other-load": "D"}),
        (with_conditions(throttled=("sw_thermal_slowdown",)), {"throttling": "D"}),
        (with_conditions(stalled_clock=2), {"clock": "C"}),
        (with_conditions(processors=4), {}),
        (with_conditions(quota=1.0), {}),
        (with_conditions(quota=0.5), {"quota": "D"}),
        (with_conditions(quota=2.0, quota_stops=3), {"quota": "C"}),
        (with_conditions(quota_stops=3), {"quota": "C"}),
        (on_two_threads(processors=1), {"few-processors": "D"}),
        (on_two_threads(processors=2), {}),
        (on_two_threads(quota=1.5), {"quota": "D"}),
        (with_governor("powersave"), {"governor": "B"}),
        (with_governor("performance+schedutil"), {"governor": "B"}),
        (with_governor("unknown"), {}),
        (make_run().model_copy(update={"plan": SamplingPlan(budget_s=60.0)}), {"budget": "B"}),
        (make_run().model_copy(update={"plan": SamplingPlan(budget_s=60.0, rounds=30)}), {}),
        (make_run().model_copy(update={"rounds": 20}), {"few-rounds": "B"}),
        (make_run().model_copy(update={"rounds": 4}), {"few-rounds": "D"}),
        (
            make_run().model_copy(update={"absent": (AbsentProbe(role="layer", key="b", reason="it crashed"),)}),
            {"absent-rows": "B"},
        ),
    ],
)  # fmt: skip
def test_a_cause_makes_its_doubt_and_no_other(run: ProfileRun, doubts: dict[str, str]) -> None:
    assert found(run) == doubts


def test_a_table_without_or_with_a_bad_calibration_is_doubted() -> None:
    assert found(make_run(), ()) == {"uncalibrated": "F"}
    assert found(make_run(), (FITTED.model_copy(update={"relative_error": 0.2}),)) == {"calibration": "D"}


def test_every_doubt_gives_values_and_advice() -> None:
    run = make_run(shape=lambda share: 1.0 if share < 0.5 else 1.15, sentinel=lambda share: 1.0 + share)
    for doubt in doubts_about([run], [ROW], ()):
        assert doubt.advice
        assert any(letter.isdigit() for letter in doubt.message), doubt.message


def test_a_single_model_meets_the_same_doubts_as_a_table() -> None:
    samples = make_run().probes[0].samples
    conditions = Conditions(other_load=(), processors=1, quota=0.4, quota_stops=2, stalled_clock=1, seconds=1.0)
    target = TARGET.model_copy(update={"threads": 2})
    doubts = doubts_about_model(samples, conditions, MACHINE, target)
    assert {doubt.name: doubt.grade for doubt in doubts} == {"few-processors": "D", "quota": "D", "clock": "C"}
    assert "2 threads shared 1 processor" in doubts[1].message
    assert "of 0.4 processors" in doubts[2].message


def test_conditions_of_older_runs_keep_their_text() -> None:
    assert set(Conditions(other_load=(), seconds=1.0).model_dump()) == {
        "other_load", "throttled", "stalled_clock", "pauses", "seconds",
    }  # fmt: skip
