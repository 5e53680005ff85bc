"""`run` and the single commands are one experiment: their stages are made from equal configs. A plan of them costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.pipeline.journey import Journey
from dna_deploy.pipeline.settings_file import load_settings
from dna_deploy.pipeline.stages.profile import Profile
from dna_deploy.pipeline.stages.rate import Rate
from dna_deploy.pipeline.stages.teach import Teach
from dna_deploy.pipeline.stages.train import Train

LINE = "24:k3e1/40:k3e1/80:k3e1"


class StoppedError(Exception):
    """A stage was made, and would begin now."""


@pytest.fixture
def journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journey:
    """The journey of an empty settings file, and the current folder, which is another, empty one."""
    (tmp_path / "dna-deploy.toml").write_text("")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return Journey(load_settings(tmp_path / "dna-deploy.toml", {}), tmp_path / "run")


def stage_of(command: str, kind: type[Any], method: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stage that a command makes, as it is when its method is called."""
    made: list[Any] = []

    def stop(stage: Any, *arguments: object, **options: object) -> None:
        made.append(stage)
        raise StoppedError

    monkeypatch.setattr(kind, method, stop)
    with pytest.raises(StoppedError):
        CliRunner().invoke(app, command.split(), catch_exceptions=False)
    return made[0]


@pytest.mark.torch
@pytest.mark.parametrize(("command", "kind", "method", "stage"), [
    ("rate", Teach, "make", "teach"), ("evolve --macs 4M", Teach, "make", "teach"), (f"train {LINE}", Train, "train", "train"),
])  # fmt: skip
def test_a_bare_command_makes_the_stage_of_a_journey_with_an_empty_file(
    journey: Journey, command: str, kind: type[Any], method: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, of_journey = stage_of(command, kind, method, monkeypatch), getattr(journey, stage)
    assert alone.config == of_journey.config
    assert (alone.images, alone.compute) == (of_journey.images, of_journey.compute)


@pytest.mark.torch
def test_a_bare_rate_is_the_rate_of_a_journey_with_an_empty_file(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.pipeline.stages.teach.Teach.make", lambda *_: Path("teacher.safetensors"))
    monkeypatch.setattr("dna_deploy.pipeline.stages.teach.Teach.own_folder", lambda *_: Path())
    alone = stage_of("rate", Rate, "rater", monkeypatch)
    assert (alone.method, alone.config, alone.images) == (journey.rate.method, journey.rate.config, journey.rate.images)
    assert alone.teacher_file is not None


def test_a_bare_profile_is_the_profile_of_a_journey_with_an_empty_file(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = stage_of("profile", Profile, "kit", monkeypatch)
    assert (alone.config, alone.target, alone.seed) == (journey.profile.config, journey.profile.target, journey.profile.seed)


PLANNED = """
import importlib.abc, sys
HEAVY = ("torch", "torchvision", "timm", "onnx", "onnxscript", "onnxruntime", "scipy", "matplotlib", "openvino")
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in HEAVY:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
sys.argv = ["dna-deploy", "run", "--dry-run"]
from dna_deploy.cli.app import main
main()
"""


@pytest.mark.parametrize("method", ["dna", "dna++"])
def test_a_plan_imports_nothing_heavy_and_loads_no_data(tmp_path: Path, method: str) -> None:
    (tmp_path / "dna-deploy.toml").write_text(f'dataset = "there is no such folder"\nmethod = "{method}"\n')
    ran = subprocess.run([sys.executable, "-c", PLANNED], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ("teach" in ran.stdout) == (method == "dna")
    assert "verify" in ran.stdout
