"""``dna-deploy export`` from every kind of source, and what it says when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from dna_deploy.cli.app import main
from dna_deploy.data.fashion_mnist import CLASSES
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.model_card import Absent, AskedLatency, ModelCard, PredictedLatency
from dna_deploy.records.score import ACCURACY, share
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.search import Constraint, Latency, search
from dna_deploy.spaces.heads import describe_head
from tests.export.made import RATINGS, TABLE
from tests.export.networks import TINY, lively_weights
from tests.spaces.chains import FASHION

pytestmark = pytest.mark.slow


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command's exit code."""
    monkeypatch.setattr("sys.argv", ["dna-deploy", "export", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def trained(folder: Path, architecture: str) -> Path:
    """A trained network's record with its weights beside it."""
    weights = lively_weights(folder / "weights.safetensors", FASHION.parse(architecture))
    TrainedNetwork(
        provenance=Provenance.now(), space="fashion", space_digest=FASHION.digest, head=describe_head(FASHION.head),
        architecture=architecture,
        weights=weights.name, weights_digest=digest_of(weights.read_bytes()), dataset="fashion-mnist", data_digest="sha256:0",
        classes=CLASSES, images={"train": 100, "test": 10_000}, mean=(0.286,), deviation=(0.353,), teacher=None,
        recipe={"seed": 7}, best_epoch=1, validation=(share(ACCURACY, 1, 2),), test=(share(ACCURACY, 1, 2),),
    ).write(folder / "trained.json")  # fmt: skip
    return folder / "trained.json"


def test_trained_network_with_its_search_and_table_gives_a_whole_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = search(FASHION, RATINGS, [TABLE], [Constraint(Latency(quantile="p90"), at_most=0.008)])
    outcome.write(tmp_path / "outcome.json")
    TABLE.write(tmp_path / "table.json")
    record = trained(tmp_path, outcome.best.architecture)
    arguments = (str(record), "--outcome", "outcome.json", "--table", "table.json", "--images", "64", "--json")
    assert run(monkeypatch, *arguments) == 0
    (printed,) = json.loads(capsys.readouterr().out)["models"]
    card = ModelCard.read(tmp_path / "model" / "model.card.json")
    assert printed["architecture"] == card.architecture == outcome.best.architecture
    assert card.asked == AskedLatency(latency_s=0.008, quantile="p90", target=TABLE.target.name)
    assert isinstance(card.predicted, PredictedLatency)
    assert card.predicted.latency_s == TABLE.predict(FASHION, outcome.network(FASHION), "p90").seconds
    assert card.predicted.relative_error == 0.02
    assert [one.name for one in card.baselines] == ["largest network that fits the budget"]
    assert card.seeds == {"training": 7}
    assert {"trained network", "search outcome", "ratings", "latency table of device", "weights"} <= set(card.digests)
    assert not isinstance(card.metrics, Absent)
    assert card.metrics[0].images == 64


def test_weights_of_another_training_and_classes_of_other_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = TrainedNetwork.read(trained(tmp_path, TINY))
    record.model_copy(update={"classes": ("T-shirt", *CLASSES[1:])}).write(tmp_path / "renamed.json")
    assert run(monkeypatch, "renamed.json") == 2
    assert "class 0 is 'T-shirt/top' in fashion-mnist and 'T-shirt' in the network" in capsys.readouterr().err
    lively_weights(tmp_path / "weights.safetensors", FASHION.parse(TINY), seed=1)
    assert run(monkeypatch, "trained.json") == 4
    assert "weights.safetensors does not hold the weights that this trained network" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_search_outcome_alone_is_exported_untrained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    search(FASHION, RATINGS, [TABLE], [Constraint(Latency(), at_most=0.008)]).write(tmp_path / "outcome.json")
    assert run(monkeypatch, "outcome.json", "--batch", "any") == 0
    heard = capsys.readouterr()
    assert "the network is not trained" in heard.out
    assert "next: dna-deploy verify model/model.onnx" in heard.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["24:k3e1/40:k5e3"], 2, "has 2 blocks"),
        (["24:k9e9/40:k5e3/80:k3e3"], 2, "unknown operation 'k9e9'"),
        (["nothing.json"], 4, "cannot read record nothing.json"),
        (["damaged.json"], 4, "damaged.json is not a record"),
        (["other.json"], 2, "other.json is a 'latency-table'"),
        ([TINY, "--space", "fashio"], 2, "unknown space 'fashio'"),
        ([TINY, "--batch", "0"], 2, "cannot use the batch '0'"),
        ([TINY, "--format", "onnx-fp61"], 2, "unknown format 'onnx-fp61'"),
        ([TINY, "--format", "onnx-int8"], 2, "int8 needs training images to calibrate on"),
        ([TINY, "--weights", "pickle.pt"], 2, "is a pickle"),
        ([TINY, "--weights", "diverged.safetensors"], 2, "not numbers"),
        ([TINY, "--weights", "cut.safetensors"], 2, "is not a safetensors file"),
        ([TINY, "--dataset", "no-such-set"], 2, "no-such-set"),
        ([TINY, "--out", "full"], 2, "is not empty"),
        ([TINY, "--out", "/proc/nowhere/model"], 2, "cannot write to /proc/nowhere/model"),
    ],
)
def test_bad_input_is_one_line_with_the_right_exit_code_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    whole = lively_weights(tmp_path / "good.safetensors", FASHION.parse(TINY))
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:1000])
    state = load_file(whole)
    state["head.0.classifier.bias"] += float("inf")
    save_file(state, tmp_path / "diverged.safetensors")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "damaged.json").write_text('{"kind": ')
    TABLE.write(tmp_path / "other.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("keep")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert run(monkeypatch, *arguments) == code
    heard = capsys.readouterr()
    assert message in heard.err
    assert "Traceback" not in heard.err
    assert heard.out == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
