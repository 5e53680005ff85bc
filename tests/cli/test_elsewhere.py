"""A project seen from other folders, a run folder of another version, one that cannot be written: said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.pipeline.runner import FinishedStage
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import settings_text
from dna_deploy.records.files import Provenance
from tests.data.made import class_folders


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on own images, whose settings name them by a relative path; the current folder is the one above."""
    folder = tmp_path / "project"
    (folder / "notes").mkdir(parents=True)
    (folder / "dna-deploy.toml").write_text(settings_text(Settings(dataset="photos")))
    class_folders(folder / "photos", "bags", "boots", images=120)
    monkeypatch.chdir(tmp_path)
    return folder


def planned(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["run", *arguments, "--dry-run", "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def refused(*arguments: str) -> DnaDeployError:
    with pytest.raises(DnaDeployError) as caught:
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return caught.value


def done_before(project: Path, stage: str, **changes: object) -> Path:
    path = project / "runs" / "default" / "stages" / f"{stage}.json"
    FinishedStage(provenance=Provenance.now(), stage=stage, inputs={}, settings={}, outputs={}, seconds=1.0).write(path)
    return path


@pytest.mark.parametrize("path", ["project", "project/dna-deploy.toml"])
def test_paths_in_a_settings_file_are_relative_to_the_file(project: Path, path: str) -> None:
    done_before(project, "profile")
    plan = planned(path)
    assert plan["folder"] == "project/runs/default"
    assert plan["stages"][0]["why"].startswith("machine changed: None -> ")  # the images were found, and their classes counted


def test_settings_seen_from_their_own_folder_are_as_they_were_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    settings = Settings(dataset="photos")
    assert settings.seen_from(Path()) == settings


def test_weights_of_a_teacher_are_relative_to_the_settings(project: Path) -> None:
    seen = Settings.model_validate({"teacher": {"name": "timm:resnet18", "weights": "mine.pth"}}).seen_from(project)
    assert seen.teacher.weights == project / "mine.pth"
    absolute = Settings.model_validate({"teacher": {"name": "timm:resnet18", "weights": "/mine.pth"}})
    assert absolute.seen_from(project) == absolute


def test_where_a_data_set_lies_is_relative_to_the_settings(project: Path) -> None:
    named = Settings.model_validate({"data": {"folder": "sets"}}).seen_from(project)
    assert (named.data.dataset, named.data.folder) == ("fashion-mnist", project / "sets")
    assert Settings.model_validate({"data": {"dataset": "photos"}}).seen_from(project).data.dataset == str(project / "photos")


def test_in_a_folder_below_the_hint_names_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "notes")
    error = refused("run")
    assert isinstance(error, UsageError)
    assert (error.message, error.hint) == (
        "there is no dna-deploy.toml in this folder",
        f"the one above: dna-deploy run {project}",
    )


def test_a_run_folder_of_a_newer_version_says_so(project: Path) -> None:
    path = done_before(project, "profile")
    path.write_text(path.read_text().replace('"schema_version": 2', '"schema_version": 99'))
    first, *others = planned("project")["stages"]
    assert "schema version 99" in first["why"]
    assert {stage["why"] for stage in others} == {"an earlier stage runs"}


def test_a_dry_run_knows_what_is_asked_for(project: Path) -> None:
    (only,) = planned("project", "--only", "search")["stages"]
    assert (only["stage"], only["why"]) == ("search", "asked for")
    assert [stage["why"] for stage in planned("project", "--from", "export")["stages"]][-2:] == ["asked for", "asked for"]
    assert "unknown stage 'serch'" in refused("run", "project", "--dry-run", "--from", "serch").message


@pytest.mark.torch
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("method = 'one-shot'", "method 'one-shot' gives no rating table"),
        ("method = 'dna++'\n[compute]\njobs = 2", "method dna++ runs in one process, not in several"),
    ],
)
def test_a_method_that_a_run_cannot_use_is_refused_before_anything_is_measured(
    project: Path, settings: str, message: str
) -> None:
    (project / "dna-deploy.toml").write_text(settings)
    assert message in refused("run", "project").message
    assert not (project / "runs").exists()


@pytest.mark.torch
def test_a_method_without_a_teacher_is_refused_before_one_is_trained_for_it(project: Path) -> None:
    error = refused("evolve", "--method", "dna++", "--macs", "2M", "--folder", "rounds")
    assert error.message == "method dna++ has no teacher"
    assert not Path("rounds").exists()


@pytest.mark.torch
def test_a_stage_that_leaves_no_model_prints_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.pipeline.runner.run_stages", lambda *stages, **chosen: None)
    result = CliRunner().invoke(app, ["run", "project", "--only", "teach", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout) == {"schema_version": 1, "command": "run", "folder": "project/runs/default"}


@pytest.mark.torch
def test_a_run_folder_that_cannot_be_written_is_one_line(project: Path) -> None:
    assert "cannot write to /proc/nowhere" in refused("run", "project", "--folder", "/proc/nowhere").message
