"""The promise loop against devices that differ from their table: made-up ones, whose truth is known, and this machine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dna_deploy.errors import InfeasibleError, PromiseError, TableError
from dna_deploy.pipeline.promise import RESERVE, SLACK, Attempt, MeasureNetwork, keep_promise, measure_untrained, recalibrated
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.pace import MeasuredPace
from dna_deploy.records.samples import Samples
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.units import Duration
from tests.export.made import RATINGS, TABLE, measurement
from tests.export.networks import tiny
from tests.search.instances import random_ratings
from tests.spaces.chains import FASHION


class Device:
    """Takes ``bias`` times what the table says, and up to ``noise`` more or less, always the same for the same network."""

    def __init__(self, bias: float, noise: float = 0.0, fingerprint: Fingerprint = TABLE.fingerprint) -> None:
        self.bias, self.noise, self.fingerprint = bias, noise, fingerprint

    def latency(self, architecture: Architecture) -> float:
        deviation = random.Random(str(architecture)).uniform(-self.noise, self.noise)
        return TABLE.predict(FASHION, architecture).seconds * self.bias * (1 + deviation)

    def __call__(self, architecture: Architecture) -> Measurement:
        samples = Samples(visits_ns=((round(self.latency(architecture) * 1e9),),) * 100)
        return measurement().model_copy(update={"samples": samples, "fingerprint": self.fingerprint})


def find(budget: float) -> tuple[SearchOutcome, float]:
    """The best network under a share of the way from the fastest to the slowest, and that budget in seconds."""
    front = search(FASHION, RATINGS, [TABLE], objective=Latency()).front.points
    seconds = front[0].costs[0] + budget * (front[-1].costs[0] - front[0].costs[0])
    return search(FASHION, RATINGS, [TABLE], [Constraint(Latency(), at_most=seconds)]), seconds


def keep(device: MeasureNetwork, seconds: float, **options: int) -> tuple[list[Attempt], Attempt]:
    heard: list[Attempt] = []

    def search_with(table: LatencyTable) -> SearchOutcome:
        return search(FASHION, RATINGS, [table], [Constraint(Latency(), at_most=seconds)])

    kept = keep_promise(FASHION, search_with, TABLE, Duration(seconds), "p50", device, on_attempt=heard.append, **options)
    assert list(kept.attempts) == heard
    return heard, kept.chosen


def test_honest_table_keeps_the_promise_in_one_round() -> None:
    outcome, seconds = find(0.5)
    heard, chosen = keep(Device(1.0), seconds)
    assert len(heard) == 1
    assert chosen.architecture == outcome.best.architecture


@pytest.mark.parametrize("bias", [0.8, 0.93, 1.07, 1.35])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_biased_table_is_seen_through(bias: float, share: float) -> None:
    _, seconds = find(share)
    heard, chosen = keep(Device(bias), seconds)
    assert chosen.is_kept
    assert chosen.slack >= 0
    # The truth is known here: nothing is better that is within the budget and its reserve.
    safe = Constraint(Latency(), at_most=seconds / (1 + RESERVE))
    best = search(FASHION, RATINGS, [recalibrated(TABLE, "p50", bias)], [safe]).best
    assert chosen.architecture == best.architecture
    assert len(heard) <= 3


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_networks_that_deviate_each_in_its_own_way_are_kept_by_measurement(share: float) -> None:
    _, seconds = find(share)
    device = Device(1.05, noise=0.04)
    _, chosen = keep(device, seconds)
    assert device.latency(FASHION.parse(chosen.architecture)) <= seconds
    assert chosen.measured.seconds == pytest.approx(device.latency(FASHION.parse(chosen.architecture)), rel=1e-5)


def test_burst_of_other_work_does_not_cost_the_network_its_place() -> None:
    outcome, seconds = find(0.5)
    slow, quiet = Device(1.4), Device(1.0)
    looks = iter([slow, *[quiet] * 9])

    def device(architecture: Architecture) -> Measurement:
        return next(looks)(architecture)

    heard, chosen = keep(device, seconds)
    assert len(heard) == 1
    assert chosen.architecture == outcome.best.architecture


def test_room_that_a_preferred_cheaper_network_leaves_is_no_reason_to_search_again() -> None:
    outcome, _ = find(0.5)
    seconds = 1.015 * outcome.best.targets[0].latency_s
    unsure = random_ratings(FASHION, random.Random(1), error=0.1)

    def search_with(table: LatencyTable) -> SearchOutcome:
        return search(FASHION, unsure, [table], [Constraint(Latency(), at_most=seconds)])

    kept = keep_promise(FASHION, search_with, TABLE, Duration(seconds), "p50", Device(1.0))
    assert kept.chosen.outcome.passed_over is not None
    assert kept.chosen.slack > SLACK >= kept.chosen.unused
    assert len(kept.attempts) == 1


def test_what_was_asked_stays_what_was_asked() -> None:
    _, seconds = find(0.5)
    _, chosen = keep(Device(1.2), seconds)
    (asked,) = chosen.outcome.constraints
    assert asked.at_most == seconds
    assert chosen.outcome.tables == {TABLE.target.name: TABLE.digest}
    assert chosen.predicted.seconds == pytest.approx(chosen.outcome.best.targets[0].latency_s)


def test_device_that_never_keeps_it_is_a_broken_promise_with_the_nearest_miss() -> None:
    _, seconds = find(0.5)
    with pytest.raises(PromiseError, match=r"no network kept .* at p50 within 1 rounds; the nearest takes"):
        keep(Device(1.5), seconds, rounds=1)
    with pytest.raises(InfeasibleError):
        keep(Device(1.0), 1e-9)


def test_table_of_another_machine_is_refused() -> None:
    _, seconds = find(0.5)
    elsewhere = TABLE.fingerprint.model_copy(update={"processor": "another"})
    with pytest.raises(TableError, match=r"not the machine of the table for 'device': processor: 'another', not 'p'"):
        keep(Device(1.0, fingerprint=elsewhere), seconds)


@pytest.mark.slow
def test_untrained_network_is_measured_on_this_machine_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    table = TABLE.model_copy(update={"target": default_target()})
    measure = measure_untrained(FASHION, table, SamplingPlan(rounds=4, runs=2), "p90")
    found = measure(tiny())
    assert found.samples.count >= 64
    assert found.samples.can_tell("p90")
    assert list(tmp_path.rglob("*.onnx")) == []


class Moody(Device):
    """A device that goes at another pace each time it is looked at, and says so, as sentinels do."""

    def __init__(self, bias: float, seed: int = 0) -> None:
        super().__init__(bias)
        self.rng = random.Random(seed)

    def __call__(self, architecture: Architecture) -> Measurement:
        pace = self.rng.choice((0.95, 1.0, 1.05, 1.4))
        samples = Samples(visits_ns=((round(self.latency(architecture) * pace * 1e9),),) * 100)
        told = MeasuredPace(ratio=pace, standard_error=0.0, sentinels=5)
        return super().__call__(architecture).model_copy(update={"samples": samples, "pace": told})


@pytest.mark.parametrize("seed", range(5))
def test_a_machine_of_changing_pace_changes_nothing_of_the_promise(seed: int) -> None:
    _, seconds = find(0.5)
    quiet, moody = keep(Device(1.05), seconds)[1], keep(Moody(1.05, seed), seconds)[1]
    assert moody.architecture == quiet.architecture
    assert moody.measured.seconds == pytest.approx(quiet.measured.seconds, rel=0.016)
    assert moody.measured.seconds <= seconds
    assert moody.now is not None


@pytest.mark.parametrize("seed", range(5))
def test_what_is_missed_at_equal_pace_gives_its_place_to_the_next_best(seed: int) -> None:
    outcome, _ = find(0.5)
    best = FASHION.parse(outcome.best.architecture)

    class Biased(Moody):
        def latency(self, architecture: Architecture) -> float:
            return super().latency(architecture) * (1.05 if architecture == best else 1.0)

    seconds = TABLE.predict(FASHION, best).seconds
    heard, chosen = keep(Biased(1.0, seed), seconds)
    assert heard[0].architecture == outcome.best.architecture
    assert heard[0].verdict == "missed"
    assert chosen.architecture != outcome.best.architecture
    assert TABLE.predict(FASHION, FASHION.parse(chosen.architecture)).seconds <= seconds
