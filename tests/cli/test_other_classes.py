"""Single commands in the folder of a project whose images have three classes: they speak of three, not of the space's ten."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import settings_text
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.heads import describe_head
from tests.data.made import class_folders
from tests.search.instances import random_ratings, random_table

FASHION = find_chain("fashion").with_head()
THREE = FASHION.with_head(FASHION.head_for(3))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `dna-deploy run` leaves of a journey on three classes of own images, and the current folder."""
    rng = random.Random(0)
    (tmp_path / "dna-deploy.toml").write_text(settings_text(Settings(dataset="photos", folder="runs/mine")))
    random_table(THREE, rng, "cpu-1thread").write(tmp_path / "runs/mine/latency_tables/fashion.cpu-1thread.json")
    random_ratings(FASHION, rng).write(tmp_path / "runs/mine/ratings/fashion.json")
    class_folders(tmp_path / "photos", "bags", "boots", "shirts", images=20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_search_finds_the_tables_of_the_run_and_their_classes(project: Path) -> None:
    said("search", "--latency", "10s")
    outcome = SearchOutcome.read(project / "outcome.json")
    assert outcome.find_networks() == THREE
    assert said("front", "latency")["points"]
    assert said("portfolio", "--space", "fashion", "--latency", "10s")["single"]


def test_tables_and_ratings_of_this_folder_stand_before_those_of_the_run(project: Path) -> None:
    random_table(FASHION, random.Random(1), "cpu-1thread").write(project / "latency_tables" / "fashion.cpu-1thread.json")
    said("search", "--latency", "10s")
    assert SearchOutcome.read(project / "outcome.json").find_networks() == FASHION


def test_ratings_made_for_ten_classes_or_for_three_can_both_be_searched(project: Path) -> None:
    random_ratings(THREE, random.Random(2)).write(project / "three.json")
    said("search", "--latency", "10s", "--ratings", "three.json")
    assert SearchOutcome.read(project / "outcome.json").find_networks() == THREE


@pytest.mark.slow
def test_rate_search_train_and_export_work_one_after_the_other(project: Path) -> None:
    few = ("--epochs", "1", "--batch", "8")
    said("rate", *few, "--images", "24", "--rating-images", "8", "--teacher-epochs", "1", "--teacher-images", "24")
    said("search", "--latency", "10s", "--ratings", "ratings/fashion.json")
    trained = said("train", *few, "--images", "24")["trained"]
    assert trained["classes"] == ["bags", "boots", "shirts"]
    assert (trained["space_digest"], trained["head"]) == (FASHION.digest, describe_head(THREE.head))
    table = "runs/mine/latency_tables/fashion.cpu-1thread.json"
    (model,) = said("export", "--outcome", "outcome.json", "--table", table, "--images", "6")["models"]
    assert (model["labels"], model["predicted"]["latency_s"] > 0) == (["bags", "boots", "shirts"], True)
    (untrained,) = said("export", "outcome.json", "--out", "untrained")["models"]
    assert untrained["parameters"] == model["parameters"]
