"""A delivered folder holds a checked model with its card, or there is no folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch

from dna_deploy.errors import ParityError, UsageError
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.checks import parity
from dna_deploy.export.checks.parity import Limits
from dna_deploy.export.delivery import deliver
from dna_deploy.export.formats.catalog import FORMAT_OF, model_name
from dna_deploy.export.formats.normalised import images_and_labels
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.export.source import Source
from dna_deploy.export.staging import staged
from dna_deploy.export.untrained import export_untrained
from dna_deploy.records.model_card import Absent, AskedLatency, ModelCard
from dna_deploy.targets.target import Precision, Target
from tests.export.made import made_up_data
from tests.export.networks import TINY, lively_weights, tiny
from tests.spaces.chains import FASHION


@pytest.mark.slow
def test_folder_holds_model_and_card_with_accuracy_on_the_test_images(tmp_path: Path) -> None:
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    done = deliver(Source(FASHION, tiny(), weights), tmp_path / "out", data=made_up_data(), reproduce="make it so")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.card.json", "model.card.md", "model.onnx"]
    card = ModelCard.read(done.card_file)
    assert card == done.card
    assert not isinstance(card.metrics, Absent)
    assert [(metric.name, metric.images) for metric in card.metrics] == [("accuracy", 40)]
    assert card.architecture == TINY
    assert card.parameters == sum(layer.parameters for layer in card.layers) == 40_090, "as torch counts them"
    assert card.promise == "not checked"
    text = (tmp_path / "out" / "model.card.md").read_text()
    assert "make it so" in text
    assert "all 40 test images of made-up" in text


def test_fewer_images_to_judge_on_are_of_every_class_though_they_stand_class_by_class() -> None:
    data = made_up_data()
    by_class = replace(data, test=replace(data.test, indices=torch.argsort(torch.arange(40) % 10, stable=True)))
    images, labels = images_and_labels(by_class, by_class.test, 10)
    assert labels[:].tolist() == list(range(10))
    assert torch.equal(images[3:5], images[:][3:5])
    assert len(images_and_labels(by_class, by_class.test)[1][:]) == 40


@pytest.mark.slow
def test_accuracy_of_an_untrained_network_is_not_told(tmp_path: Path) -> None:
    card = deliver(Source(FASHION, tiny()), tmp_path / "out", data=made_up_data(), images=8).card
    assert card.metrics == Absent(reason="the network is not trained")


@pytest.mark.slow
def test_failed_parity_leaves_no_model_and_no_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.LIMITS, "fp32", Limits(relative_error=-1.0, agreement=1.0, loss=0.0))
    with pytest.raises(ParityError):
        deliver(Source(FASHION, tiny()), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_format_that_fails_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    monkeypatch.setitem(parity.LIMITS, "int8", Limits(relative_error=-1.0, agreement=1.0, loss=0.0))
    formats = ("onnx-int8", "openvino", "onnx-fp16")
    done = deliver(Source(FASHION, tiny(), weights), tmp_path / "out", formats=formats, data=made_up_data())
    assert [(refused.name, type(refused.error)) for refused in done.refused] == [("onnx-int8", ParityError)]
    assert [other.model.name for other in done.others] == ["model.openvino.xml", "model.fp16.onnx"]
    assert all(delivery.model.exists() and delivery.card_file.exists() for delivery in (done, *done.others))
    assert not list((tmp_path / "out").glob("*int8*"))


@pytest.mark.slow
def test_a_format_that_lacks_its_package_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    done = deliver(Source(FASHION, tiny()), tmp_path / "out", formats=("openvino", "onnx-fp16"))
    assert [(refused.name, refused.error.exit_code) for refused in done.refused] == [("openvino", 5)]
    assert [other.model.name for other in done.others] == ["model.fp16.onnx"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.onnx")) == ["model.fp16.onnx", "model.onnx"]


@pytest.mark.slow
def test_a_converter_that_fails_in_words_of_its_own_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ValueError("no such\nthing")

    monkeypatch.setattr("onnxruntime.transformers.float16.convert_float_to_float16", fail)
    done = deliver(Source(FASHION, tiny()), tmp_path / "out", formats=("onnx-fp16",))
    (refused,) = done.refused
    assert refused.error.message == "onnx-fp16 cannot be made of this network: ValueError: no such thing"
    assert isinstance(refused.error.__cause__, ValueError)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.onnx")) == ["model.onnx"]


@pytest.mark.slow
def test_a_fault_of_our_own_is_no_format_that_was_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("dna_deploy.export.delivery.ExportResult", fail)  # what a converted file is made into
    with pytest.raises(KeyError, match="ours"):
        deliver(Source(FASHION, tiny()), tmp_path / "out", formats=("onnx-fp16",))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
def test_a_full_disk_or_memory_is_no_fault_of_a_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("onnxruntime.transformers.float16.convert_float_to_float16", fail)
    with pytest.raises(type(error)):
        deliver(Source(FASHION, tiny()), tmp_path / "out", formats=("onnx-fp16",))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_budget_is_promised_of_the_file_that_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parity.LIMITS, "int8", Limits(relative_error=9.0, agreement=0.0, loss=1.0))  # of random weights
    weights = lively_weights(tmp_path / "w.safetensors", tiny())
    asked = AskedLatency(latency_s=33.9e-6, target="edge", batch=8, precision="int8")
    source = Source(FASHION, tiny(), weights, asked=asked, predicted_in="int8")
    with pytest.raises(UsageError, match=r"33\.9 us was asked for a batch of 8 images, not for an image") as caught:
        deliver(source, tmp_path / "out", data=made_up_data())
    assert caught.value.hint == "export it with --batch 8"
    done = deliver(source, tmp_path / "out", formats=(FORMAT_OF["int8"],), data=made_up_data(), batch=8)
    (rounded,) = done.others
    assert rounded.model.name == model_name("int8")
    assert rounded.card.asked == asked
    assert done.card.asked == Absent(reason="33.9 us was asked for int8: model.int8.onnx")
    assert done.card.promise == "not checked"


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "batch"), [("fp32", 1), ("int8", 8), ("fp16", 2)])
def test_an_untrained_file_is_what_its_target_runs(tmp_path: Path, precision: Precision, batch: int) -> None:
    path = export_untrained(FASHION, tiny(), Target(name="t", precision=precision, batch=batch), tmp_path)
    assert path.name == model_name(precision)
    assert onnxruntime.InferenceSession(path).get_inputs()[0].shape == [batch, 1, 28, 28]
    info = ModelInfo.parse(read_notes(path), "model")
    assert info is not None
    assert info.precision == precision


def test_folder_that_holds_something_is_refused_unless_asked_to_replace(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    with pytest.raises(UsageError, match="is not empty") as caught, staged(tmp_path / "out"):
        pass
    assert "--replace" in caught.value.hint
    with staged(tmp_path / "out", replace=True) as work:
        (work / "new.txt").write_text("new")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["new.txt", "old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_failed_work_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "out") as work:
        (work / "half.txt").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="is a file"), staged(tmp_path / "out"):
        pass
