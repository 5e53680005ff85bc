"""What a network was trained on is found again, wherever the next command is called from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.records.trained_network import TrainedNetwork
from tests.cli.made import LINES, fails, run
from tests.data.made import class_folders

pytestmark = pytest.mark.torch


def train_on(folder: Path, at: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Trains a network in one folder on images in another, that is given as one would; the record's path."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(at / "cache"))
    at.mkdir(exist_ok=True)
    monkeypatch.chdir(at)
    given = f"../{folder.relative_to(at.parent)}"
    run("train", LINES[3], "--dataset", given, "--epochs", "1", "--batch", "4", "-o", "trained", "--quiet")
    return "trained/trained-network.json"


@pytest.mark.parametrize("name", ["photos", "cifar10"])
def test_a_network_is_judged_on_images_it_was_trained_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the folder has the name of a data set that could be fetched, and where another folder has its name here."""
    record = train_on(class_folders(tmp_path / "data" / name, "cat", "dog", images=20), tmp_path / "work", monkeypatch)
    class_folders(tmp_path / "elsewhere" / name, "cat", "dog", "cow")
    monkeypatch.chdir(tmp_path / "elsewhere")
    exported = json.loads(run("export", str(tmp_path / "work" / record), "-o", "model", "--json"))
    assert exported["models"]
    place = TrainedNetwork.read(tmp_path / "work" / record).place
    assert place is not None
    assert place.dataset == str(tmp_path / "data" / name)


def test_images_that_were_moved_are_missed_and_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = class_folders(tmp_path / "photos", "cat", "dog", images=20)
    record = train_on(images, tmp_path / "work", monkeypatch)
    images.rename(tmp_path / "pictures")
    error = fails("export", record, "-o", "model")
    assert str(images) in error.message
    assert "--dataset" in error.hint
    run("export", record, "-o", "model", "--dataset", "../pictures", "--quiet")
    assert Path("model/model.onnx").exists()


def test_an_older_record_knows_the_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Path(train_on(class_folders(tmp_path / "photos", "cat", "dog", images=20), tmp_path / "work", monkeypatch))
    TrainedNetwork.read(record).model_copy(update={"place": None}).write(record)
    assert "unknown dataset 'photos'" in fails("export", str(record), "-o", "model").message
    monkeypatch.chdir(tmp_path)
    run("export", str(tmp_path / "work" / record), "-o", "model", "--quiet")
