"""DNA++ from the command line: rate, search and refine, without a teacher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.pipeline.journey import Journey
from dna_deploy.pipeline.settings_file import settings_of
from tests.cli.made import fails, run
from tests.data.made import class_folders

pytestmark = pytest.mark.torch


@pytest.mark.slow
def test_rate_search_and_refine_without_a_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    class_folders(tmp_path / "images", "cat", "dog", images=20)
    small = ("--epochs", "1", "--images", "16", "--rating-images", "8", "--batch", "8")
    rated = json.loads(run("rate", "--method", "dna++", "--dataset", "images", *small, "--json"))
    assert (rated["table"], rated["teacher"]) == ("ratings/fashion.json", "none")
    run("search", "--macs", "4M", "--shortlist", "3")
    refined = json.loads(run("refine", "outcome.json", "--run", rated["folder"], "--json"))["refinement"]
    assert len(refined["networks"]) == 3
    assert [network["accuracy"] for network in refined["networks"]] == [None] * 3
    error = fails("refine", "outcome.json", "--run", rated["folder"], "--with-labels")
    assert "a population has no head" in error.message
    spread = fails("refine", "outcome.json", "--run", rated["folder"], "--jobs", "2")
    assert spread.message == "method dna++ runs in one process, not in several"


def test_several_processes_are_refused(tmp_path: Path) -> None:
    error = fails("rate", "--method", "dna++", "--jobs", "2", "--folder", str(tmp_path))
    assert error.message == "method dna++ runs in one process, not in several"
    assert error.hint == "leave out --jobs and --on"


def test_a_teacher_that_would_not_be_asked_is_refused(tmp_path: Path) -> None:
    error = fails("rate", "--method", "dna++", "--teacher", "timm:resnet18", "--folder", str(tmp_path))
    assert error.message == "method dna++ has no teacher"
    assert error.hint


@pytest.mark.parametrize(("method", "stages"), [("dna", ["teach", "rate"]), ("dna++", ["rate"])])
def test_a_journey_without_a_teacher_teaches_none(tmp_path: Path, method: str, stages: list[str]) -> None:
    journey = Journey(settings_of({"method": method}), tmp_path)
    assert [stage.name for stage in journey.stages()][1:-4] == stages
