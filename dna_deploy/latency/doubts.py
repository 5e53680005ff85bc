"""What speaks against a measurement: each doubt has a name, limits, and advice.

Limits are fractions for the grades B, C and D. They come from measurements on shared hosts: split halves differ by 0.2 to
1.5 % where a table predicts whole networks within 2 %, and by 14 % where every table was useless.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence

import numpy as np

from dna_deploy.latency.calibrate import LEAST_NETWORKS
from dna_deploy.records.doubt import Doubt, Grade
from dna_deploy.records.latency_table import Calibration, LatencyRow
from dna_deploy.records.pace import MeasuredPace
from dna_deploy.records.profile_run import Conditions, ProfileRun
from dna_deploy.records.samples import Quantile, Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan, Statistic
from dna_deploy.targets.target import Target

_STEADY_GOVERNORS = ("performance", "unknown", "userspace")
_QUIET = "stop other programs, or measure when the machine is idle, or with --steady"

GradeLimits = tuple[float, float, float]
HALVES: GradeLimits = (0.02, 0.04, 0.08)
MEDIAN_HALVES: GradeLimits = (0.03, 0.06, 0.12)
DRIFT: GradeLimits = (0.03, 0.06, 0.12)
CALIBRATION: GradeLimits = (0.03, 0.06, 0.12)
# The number of processors that others keep busy. D is for those who compete for the measurement's own.
OTHER_LOAD: GradeLimits = (0.15, 0.5, math.inf)
SHARED = 0.1
"""Of the time."""

FEW_ROUNDS: dict[Grade, int] = {"D": 5, "C": 12, "B": 24}


def doubts_about(
    runs: Sequence[ProfileRun], rows: Sequence[LatencyRow], calibrations: Sequence[Calibration]
) -> tuple[Doubt, ...]:
    """Every doubt about a table made of these runs."""
    return tuple(_doubts_about(runs, rows, calibrations))


def doubts_about_model(
    samples: Samples, conditions: Conditions, fingerprint: Fingerprint, target: Target, pace: MeasuredPace | None = None
) -> tuple[Doubt, ...]:
    """Every doubt about one measured model."""
    doubts = (
        _halves([samples], "p50", MEDIAN_HALVES),
        _few_rounds(len(samples.visits_ns)),
        _pace(pace),
        *_surroundings([conditions], fingerprint, target),
    )
    return tuple(doubt for doubt in doubts if doubt is not None)


def _doubts_about(
    runs: Sequence[ProfileRun], rows: Sequence[LatencyRow], calibrations: Sequence[Calibration]
) -> Iterator[Doubt]:
    last, hosts = runs[-1], [run.provenance.host for run in runs]
    rounds = min(sum(run.rounds for run in runs if run.provenance.host == host) for host in hosts)  # of the least busy twin
    every = [probe.samples for run in runs for probe in run.of("layer", "calibration")]
    networks = [probe.samples for run in runs for probe in run.of("calibration", "validation")]
    for doubt in (
        _halves(every, last.plan.statistic, HALVES),
        _halves(networks, "p50", MEDIAN_HALVES) if networks else None,
        _drift([samples for run in runs for probe in run.of("sentinel") for samples in [probe.samples]], last.plan.statistic),
        _few_rounds(rounds),
        _cut_short(rounds, last.plan),
        *_surroundings([run.conditions for run in runs], last.fingerprint, last.target),
        _calibration(calibrations),
        _absent(runs, rows),
    ):
        if doubt is not None:
            yield doubt


def _pace(pace: MeasuredPace | None) -> Doubt | None:
    if pace is None or pace.is_equal:
        return None
    advice = "measure again when it goes as it did then, or profile again"
    return Doubt(name="pace", message=f"{pace.words()}, by {pace.sentinels} of its layers", advice=advice, grade="B")


def _surroundings(conditions: Sequence[Conditions], fingerprint: Fingerprint, target: Target) -> Iterator[Doubt | None]:
    """Doubts about the machine, and about what else was at work on it."""
    last = conditions[-1]
    yield _other_load([load for each in conditions for load in each.other_load], fingerprint, target)
    yield _governor(fingerprint)
    yield _throttled(sorted({reason for each in conditions for reason in each.throttled}))
    yield _shared(max(each.disturbed for each in conditions))
    yield _clock(sum(each.stalled_clock for each in conditions))
    yield _few_processors(last.processors, target)
    yield _quota(last.quota, sum(each.quota_stops for each in conditions), target)


def _grade(value: float, limits: GradeLimits) -> Grade | None:
    """The best grade that a value beyond its limits leaves; None within them."""
    grades: tuple[Grade, Grade, Grade] = ("B", "C", "D")
    beyond = [grade for grade, limit in zip(grades, limits, strict=True) if value > limit]
    return beyond[-1] if beyond else None


def _halves(samples: Sequence[Samples], statistic: Statistic | Quantile, limits: GradeLimits) -> Doubt | None:
    difference = float(np.median([sample.split_half(statistic) for sample in samples]))
    grade = _grade(difference, limits)
    if grade is None:
        return None
    message = f"the {statistic} of the first half of the time and of the second differ by {difference:.1%}"
    return Doubt(name="split-halves", message=message, advice=f"{_QUIET}, or measure more rounds", grade=grade)


def _drift(sentinels: Sequence[Samples], statistic: Statistic) -> Doubt | None:
    drifts = []
    for sentinel in sentinels:
        third = max(1, len(sentinel.visits_ns) // 3)
        first, last = (Samples(visits_ns=part) for part in (sentinel.visits_ns[:third], sentinel.visits_ns[-third:]))
        drifts.append(last.statistic(statistic) / first.statistic(statistic) - 1)
    drift = max(drifts, key=abs, default=0.0)
    grade = _grade(abs(drift), DRIFT)
    if grade is None:
        return None
    message = f"a model timed all along took {drift:+.1%} in the last third of the time, against the first"
    return Doubt(name="drift", message=message, advice="let the machine warm up or cool down, then measure again", grade=grade)


def _few_rounds(rounds: int) -> Doubt | None:
    for grade, least in FEW_ROUNDS.items():
        if rounds < least:
            message = f"every model was visited only {rounds} times"
            return Doubt(name="few-rounds", message=message, advice="give it more --rounds or a larger --budget", grade=grade)
    return None


def _cut_short(rounds: int, plan: SamplingPlan) -> Doubt | None:
    if plan.budget_s is None or rounds >= plan.rounds:
        return None
    message = f"the budget of {plan.budget_s:g} s was used up after {rounds} of {plan.rounds} rounds"
    return Doubt(name="budget", message=message, advice="give it a larger --budget", grade="B")


def _other_load(loads: Sequence[float], fingerprint: Fingerprint, target: Target) -> Doubt | None:
    load = float(np.mean(loads)) if loads else 0.0
    grade = _grade(load, OTHER_LOAD)
    if grade is None:
        return None
    if load + target.threads > fingerprint.logical_processors + OTHER_LOAD[0]:
        grade = "D"
    message = f"other programs kept {load:.2g} of {fingerprint.logical_processors} processors busy"
    return Doubt(name="other-load", message=message, advice=_QUIET, grade=grade)


def _governor(fingerprint: Fingerprint) -> Doubt | None:
    if all(name in _STEADY_GOVERNORS for name in fingerprint.governor.split("+")):
        return None
    message = f"the clock governor is {fingerprint.governor!r}: the clock follows the load"
    advice = "set it to performance (cpupower frequency-set -g performance), if the device will run so"
    return Doubt(name="governor", message=message, advice=advice, grade="B")


def _throttled(reasons: Sequence[str]) -> Doubt | None:
    if not reasons:
        return None
    message = f"the hardware held its clock back: {', '.join(reasons)}"
    return Doubt(name="throttling", message=message, advice="cool it or lock its clock, then measure again", grade="D")


def _shared(disturbed: float) -> Doubt | None:
    if disturbed <= SHARED:
        return None
    message = f"others slowed the processor down for {disturbed:.0%} of the time, in which nothing was measured"
    return Doubt(name="shared", message=message, advice="what was measured holds where nobody else uses it", grade="B")


def _few_processors(usable: int | None, target: Target) -> Doubt | None:
    if usable is None or usable >= target.threads:
        return None
    message = f"{target.threads} threads shared {usable} processor{'s' if usable > 1 else ''}: this process may use no more"
    advice = "lift the restriction (taskset, a container's processors), or write fewer threads into the target.toml"
    return Doubt(name="few-processors", message=message, advice=advice, grade="D")


def _quota(quota: float | None, stops: int, target: Target) -> Doubt | None:
    """A quota stops whoever used it up until its period is over, mostly of 100 ms."""
    is_short = quota is not None and quota < target.threads
    if not is_short and not stops:
        return None
    left = "" if quota is None else f" of {quota:.3g} processors"
    message = f"a quota{left} holds for this process, which stopped it {stops} times" if stops else (
        f"a quota{left} holds for this process, less than the {target.threads} of its threads"
    )  # fmt: skip
    advice = "lift the quota (a container's --cpus, a service's CPUQuota), or measure elsewhere"
    return Doubt(name="quota", message=message, advice=advice, grade="D" if is_short else "C")


def _clock(stalled: int) -> Doubt | None:
    if not stalled:
        return None
    message = f"the clock stood still or jumped in {stalled} visits, which were thrown away"
    return Doubt(name="clock", message=message, advice="use another clock source of the system", grade="C")


def _calibration(calibrations: Sequence[Calibration]) -> Doubt | None:
    median = next((calibration for calibration in calibrations if calibration.quantile == "p50"), None)
    if median is None:
        message = f"fewer than {LEAST_NETWORKS} whole networks could be timed, too few to calibrate sums of rows"
        return Doubt(name="uncalibrated", message=message, advice="profile a kit with more of them", grade="F")
    grade = _grade(median.relative_error, CALIBRATION)
    if grade is None:
        return None
    message = f"whole networks left out of the calibration are predicted {median.relative_error:.1%} off"
    return Doubt(name="calibration", message=message, advice=f"{_QUIET}, or measure more rounds", grade=grade)


def absent_layers(runs: Sequence[ProfileRun], timed: Container[str]) -> dict[str, str]:
    """Layers that nobody could time, and why: by the last run of each machine."""
    probes = [probe for run in {run.provenance.host: run for run in runs}.values() for probe in run.absent]
    return {probe.key: probe.reason for probe in probes if probe.role == "layer" and probe.key not in timed}


def _absent(runs: Sequence[ProfileRun], rows: Sequence[LatencyRow]) -> Doubt | None:
    absent = absent_layers(runs, {row.layer for row in rows})
    if not absent:
        return None
    message = f"{len(absent)} layers could not be timed, first: {': '.join(next(iter(absent.items())))}"
    return Doubt(name="absent-rows", message=message, advice="search leaves their networks out", grade="B")
