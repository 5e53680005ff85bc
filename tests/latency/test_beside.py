"""A promise is about the model, not about the minute: layers of the table, timed beside the model, tell the pace."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dna_deploy.errors import PromiseError
from dna_deploy.export.checks.verification import Promise, Verification, at_equal_pace
from dna_deploy.latency.beside import Sentinels, pace_of, why_no_pace
from dna_deploy.latency.doubts import doubts_about_model
from dna_deploy.latency.measure import measure_model
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import AskedLatency, MeasuredLatency
from dna_deploy.records.pace import EQUAL_PACE, MeasuredPace, PaceReference, Sentinel, is_kept, verdict
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.profile_run import Conditions
from dna_deploy.records.samples import Samples
from dna_deploy.targets.machine import fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration
from tests.export.made import card, measurement
from tests.latency.pretend import PLAN, TARGET, make_kit, offer_runtime
from tests.spaces.chains import FASHION

LAYERS = ("a", "b", "c", "d", "e")
HERE = fingerprint("pretend 1", {})
REFERENCE = PaceReference(
    table="sha256:0",
    fingerprint=HERE,
    sentinels=tuple(Sentinel(layer=layer, latency_s=(index + 1) * 1e-5) for index, layer in enumerate(LAYERS)),
)


def visits(pace: float, noise: float = 0.01, seed: int = 0, rounds: int = 96) -> dict[str, list[tuple[int, ...]]]:
    """What the sentinels take on a machine that goes at a pace: 1 is the table's, more is slower."""
    rng = random.Random(seed)
    return {
        one.layer: [tuple(round(one.latency_s * 1e9 * pace * rng.gauss(1, noise)) for _ in range(2)) for _ in range(rounds)]
        for one in REFERENCE.sentinels
    }


def at(microseconds: float, pace: float | None) -> Measurement:
    """A model that takes so long on a machine of that pace."""
    measured = None if pace is None else MeasuredPace(ratio=pace, standard_error=0.001, sentinels=5)
    samples = Samples(visits_ns=((round(microseconds * 1e3),) * 2,) * 50)
    return measurement().model_copy(update={"samples": samples, "pace": measured})


def within(microseconds: float) -> Promise:
    return Promise(Duration(microseconds * 1e-6), "p50")


@pytest.mark.parametrize("pace", [0.8, 0.95, 1.0, 1.05, 1.4])
@pytest.mark.parametrize("seed", range(3))
def test_the_pace_is_told_from_the_samples(pace: float, seed: int) -> None:
    told = pace_of(REFERENCE, visits(pace, 0.05, seed))
    assert told is not None
    assert told.ratio == pytest.approx(pace, rel=0.015)
    assert told.sentinels == len(LAYERS)
    assert 0 < told.standard_error < 0.01


def test_one_layer_that_goes_astray_does_not_make_the_pace() -> None:
    seen = visits(1.0)
    seen["c"] = [(runs[0] * 3, runs[1] * 3) for runs in seen["c"]]
    told = pace_of(REFERENCE, seen)
    assert told is not None
    assert told.is_equal
    assert pace_of(REFERENCE, {"a": visits(1.2)["a"]}) is not None, "one is better than none"
    assert pace_of(REFERENCE, {}) is None


@pytest.mark.parametrize("pace", [None, 1.0, 1 + 0.9 * EQUAL_PACE, 1 - 0.9 * EQUAL_PACE])
def test_five_percent_over_is_missed_at_the_pace_of_the_table(pace: float | None) -> None:
    found = Verification(Path("model.onnx"), None, at(1.05 * 123, pace), within(123))
    assert found.is_kept is False
    assert found.verdict == "missed: 105.0% of what was asked"
    with pytest.raises(PromiseError, match=r"takes 129 us at p50 for an image on 'cpu-1thread', 5.0% over 123 us"):
        found.check(Duration(123e-6))


def test_five_percent_over_is_missed_however_the_machine_goes() -> None:
    for pace in (0.7, 0.9, 1.1, 1.5):
        found = Verification(Path("model.onnx"), None, at(1.05 * 123 * pace, pace), within(123))
        assert found.is_kept is False, pace
        assert found.verdict.startswith("missed at the table's pace: "), pace


def test_a_slower_machine_is_no_excuse_that_its_noise_makes() -> None:
    unsure = MeasuredPace(ratio=1.06, standard_error=0.025, sentinels=5)
    assert not is_kept(1.05 * 123, 123, unsure), "no more is allowed for than is certain"
    unsurer = MeasuredPace(ratio=1.06, standard_error=0.04, sentinels=5)
    assert verdict(129e-6, 123e-6, unsurer) == (
        "missed: 104.9% of what was asked; the machine is 6.0% slower than when the table was made, too unsure to allow for it"
    )
    assert is_kept(1.05 * 122, 123, MeasuredPace(ratio=1.06, standard_error=0.002, sentinels=5))


def test_both_numbers_are_said_where_the_pace_differs() -> None:
    found = Verification(Path("model.onnx"), None, at(129.0, 1.06), within(123))
    assert found.is_kept is True
    assert found.verdict == (
        "kept at the table's pace: 129 us now, 122 us at the table's pace; "
        "the machine is 6.0% slower than when the table was made"
    )
    written = card(asked=AskedLatency(latency_s=123e-6), measured=MeasuredLatency.of(at(129.0, 1.06), "p50"))
    assert written.promise == "kept"
    assert written.verdict == found.verdict
    fast = Verification(Path("model.onnx"), None, at(120.0, 0.95), within(123))
    assert fast.is_kept is False
    assert fast.verdict.startswith("missed at the table's pace: 120 us now, 126 us at the table's pace; ")
    assert "the machine is 5.0% faster" in fast.verdict
    with pytest.raises(PromiseError, match=r"takes 126 us at the table's pace \(120 us now\)"):
        fast.check(Duration(123e-6))


def test_what_is_kept_on_a_slower_machine_is_kept_without_a_second_look() -> None:
    assert is_kept(120, 123, MeasuredPace(ratio=1.3, standard_error=0.01, sentinels=5))
    assert verdict(120e-6, 123e-6, None) == "kept: 97.6% of what was asked"
    looks = iter([at(120.0, 1.3)])
    assert at_equal_pace(lambda: next(looks), within(123), (1.0,), pytest.fail).pace is not None


def later(*looks: Measurement) -> tuple[Callable[[], Measurement], list[float]]:
    coming: Iterator[Measurement] = iter(looks)
    return lambda: next(coming), []


def test_it_is_measured_later_until_the_machine_goes_as_it_did() -> None:
    measure, rests = later(at(130.0, 1.06), at(127.0, 1.04), at(122.0, 1.0), at(200.0, 1.7))
    chosen = at_equal_pace(measure, within(123), (5.0, 20.0, 60.0), rests.append)
    assert rests == [5.0, 20.0]
    assert chosen.p50.seconds == pytest.approx(122e-6)
    assert chosen.pace is not None
    assert chosen.pace.looks == 3
    measure, rests = later(at(130.0, 1.06), at(129.0, 1.0), at(128.5, 1.0), at(122.0, 1.0))
    missed = at_equal_pace(measure, within(123), (5.0, 20.0, 60.0), rests.append)
    assert missed.p50.seconds == pytest.approx(129e-6)
    assert rests == [5.0, 20.0], "missed twice at the table's pace is missed"


def test_a_miss_is_believed_once_two_looks_agree() -> None:
    over = [at(1.05 * 123, 1.0), at(1.052 * 123, 1.0), at(100.0, 1.0)]
    measure, rests = later(*over)
    assert at_equal_pace(measure, within(123), (1.0, 2.0, 3.0), rests.append).p50.seconds == pytest.approx(1.052 * 123e-6)
    assert rests == [1.0]
    measure, rests = later(at(130.0, 1.0), at(121.0, 1.0), at(122.0, 1.0))
    lucky = at_equal_pace(measure, within(123), (1.0, 2.0, 3.0), rests.append)
    assert lucky.p50.seconds == pytest.approx(122e-6), "of those that agree the slower"
    measure, rests = later(at(130.0, 1.0), at(121.0, 1.0), at(126.0, 1.0), at(124.0, 1.0))
    unsure = at_equal_pace(measure, within(123), (1.0, 2.0, 3.0), rests.append)
    assert unsure.p50.seconds == pytest.approx(124e-6), "one fast look is not enough"
    assert not Verification(Path("model.onnx"), None, unsure, within(123)).is_kept


def test_where_it_never_does_the_second_fastest_at_the_tables_pace_decides() -> None:
    measure, rests = later(at(135.0, 1.11), at(129.0, 1.06), at(140.0, 1.14))
    chosen = at_equal_pace(measure, within(123), (1.0, 2.0), rests.append)
    assert chosen.p50.seconds == pytest.approx(129e-6)
    assert chosen.pace is not None
    assert (chosen.pace.looks, rests) == (3, [1.0, 2.0])
    measure, rests = later(at(130.0, None))
    assert at_equal_pace(measure, within(123), (1.0,), rests.append).pace is None
    assert not rests, "without a table nothing is waited for"


def test_another_pace_is_a_doubt_with_a_name() -> None:
    samples, conditions = Samples(visits_ns=((1000, 1000),) * 96), Conditions(other_load=(), processors=4, seconds=1.0)
    doubts = [
        [doubt.name for doubt in doubts_about_model(samples, conditions, HERE, TARGET, pace)]
        for pace in (None, at(1, 1.0).pace, at(1, 1.2).pace)
    ]
    assert [("pace" in names) for names in doubts] == [False, False, True]


def test_a_pace_is_compared_on_the_same_machine_and_rhythm_only() -> None:
    kit = make_kit()
    layer = kit.probes("layer")[0].key
    reference = REFERENCE.model_copy(update={"sentinels": (Sentinel(layer=layer, latency_s=1e-5),)})
    other = HERE.model_copy(update={"processor": "another"})
    assert why_no_pace(Sentinels(kit, reference), HERE, SamplingPlan()) == ""
    assert "another machine: processor" in why_no_pace(Sentinels(kit, reference), other, SamplingPlan())
    assert "rest between runs" in why_no_pace(Sentinels(kit, reference), HERE, SamplingPlan(idle_s=0.1))
    assert "no table" in why_no_pace(None, HERE, SamplingPlan())
    assert "not at hand" in why_no_pace(Sentinels(kit, REFERENCE), HERE, SamplingPlan())
    assert FASHION.name == kit.manifest.space


@pytest.mark.parametrize("pace", [1.0, 1.25])
def test_sentinels_are_timed_in_the_rounds_of_the_model(pace: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_runtime(tmp_path, monkeypatch)
    model = tmp_path / "model"
    model.write_text("50000")
    kit: ProbeKit = make_kit()
    layers = kit.probes("layer")[:3]
    sentinels = tuple(
        Sentinel(layer=probe.key, latency_s=float(kit.graphs[probe.file].split()[0]) * 1e-9 / pace) for probe in layers
    )
    measured = measure_model(model, TARGET, PLAN)
    reference = PaceReference(table="sha256:0", fingerprint=measured.fingerprint, sentinels=sentinels)
    beside = measure_model(model, TARGET, PLAN, sentinels=Sentinels(kit, reference))
    assert beside.samples.count == measured.samples.count
    assert beside.pace is not None
    assert beside.pace.ratio == pytest.approx(pace, rel=0.02)
    assert measured.pace is None
    assert measured.no_pace == "there is no table to compare the machine's pace with"
