"""Tuning tries every setting, finds the fastest, and says what it gained; a setting that cannot run is no choice."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.cards.card_text import card_markdown
from dna_deploy.export.checks.tuning import PASSES, tune
from dna_deploy.export.checks.verification import Promise, complete_card, verify_model
from dna_deploy.export.delivery import deliver
from dna_deploy.export.source import Source
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import ModelCard, Tuning
from dna_deploy.records.samples import Samples
from dna_deploy.records.score import ACCURACY, share
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from tests.export.made import card, measurement
from tests.export.networks import tiny
from tests.spaces.chains import FASHION

TARGET = Target(name="device", pin=(0,))
PLAN = SamplingPlan(rounds=2, runs=1)


class Device:
    """Twice as fast with two threads, and a third faster in 8 bits; cannot do ``extended``. Now and then it is busy."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Target]] = []

    def __call__(self, model: Path, target: Target, plan: SamplingPlan) -> Measurement:
        if target.provider_options.get("graph_optimization_level") == "extended":
            raise TableError("this runtime has no such level")
        self.asked.append((model.name, target))
        nanoseconds = 90_000 if target.precision == "fp32" else 60_000
        burst = 5 if len(self.asked) % 7 == 0 else 1
        samples = Samples(visits_ns=((nanoseconds // target.threads * burst,),) * 4)
        return measurement().model_copy(update={"samples": samples})


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model and its 8-bit version with cards, on a machine with two processors."""
    monkeypatch.setattr("dna_deploy.export.checks.tuning.usable_processors", lambda: (0, 1))
    for name, precision in (("model.onnx", "fp32"), ("model.int8.onnx", "int8")):
        content = name.encode()
        (tmp_path / name).write_bytes(content)
        made = card(
            model=name, model_digest="sha256:" + hashlib.sha256(content).hexdigest(), precision=precision,
            metrics=(share(ACCURACY, 90, 100),),
        )  # fmt: skip
        made.write((tmp_path / name).with_suffix(".card.json"))
    return tmp_path / "model.onnx"


def test_fastest_setting_is_chosen_and_its_gain_is_told(model: Path) -> None:
    device = Device()
    tuning = tune(model, TARGET, PLAN, measure=device)
    assert (tuning.chosen.precision, tuning.chosen.threads, tuning.chosen.model) == ("int8", 2, "model.int8.onnx")
    assert tuning.usual.p50_s == pytest.approx(90e-6)
    assert tuning.gained == pytest.approx(2 / 3)
    assert [one.p50_s for one in tuning.tried] == sorted(one.p50_s for one in tuning.tried)
    assert len(tuning.tried) == 2 * 2 * 3, "two files, two numbers of threads, three levels that can be had"
    assert len(device.asked) == PASSES * len(tuning.tried)
    assert all(len(target.pin or ()) == target.threads for _, target in device.asked)


def test_card_says_what_was_chosen_and_what_it_keeps_of_the_accuracy(model: Path) -> None:
    tuning = tune(model, TARGET, PLAN, measure=Device())
    text = card_markdown(card(tuning=tuning))
    assert "Tuned: int8, 2 thread(s), graph_optimization_level=all saves 66.7% of what fp32, 1 thread(s) takes." in text
    assert text.count("90.00% of 100") >= len(tuning.tried)


def test_8_bit_file_without_its_card_is_not_tried(model: Path) -> None:
    model.with_name("model.int8.card.json").unlink()
    assert {one.model for one in tune(model, TARGET, PLAN, measure=Device()).tried} == {"model.onnx"}


def test_usual_setting_that_cannot_run_is_an_error(model: Path) -> None:
    target = Target(name="device", provider_options={"graph_optimization_level": "extended"})
    with pytest.raises(TableError, match="no such level"):
        tune(model, target, PLAN, measure=Device())


def test_other_runtimes_have_nothing_to_tune(model: Path) -> None:
    with pytest.raises(UsageError, match="openvino has nothing to tune here"):
        tune(model, Target(name="device", runtime="openvino", provider="CPU"), PLAN, measure=Device())


@pytest.mark.slow
def test_real_model_is_tuned_on_this_machine_and_its_card_says_so(tmp_path: Path) -> None:
    exported = deliver(Source(FASHION, tiny()), tmp_path / "out").model
    target, plan = Target(name="here"), SamplingPlan(rounds=3, runs=2)
    tuning = tune(exported, target, plan)
    assert {one.options.get("graph_optimization_level") for one in tuning.tried} >= {"disabled", "basic", "extended"}
    written = complete_card(verify_model(exported, target, plan, Promise()), tuning)
    assert written is not None
    read = ModelCard.read(written[0])
    assert isinstance(read.tuning, Tuning)
    assert read.tuning == tuning
