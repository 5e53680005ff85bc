"""The example package: small, keeps the contracts, and walks the whole journey with its own space, layer and runtime."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dna_deploy.pipeline.settings_file import settings_of, settings_text
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import MeasuredLatency, ModelCard

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "examples" / "ghost"

TINY = settings_of(
    {
        "space": "ghost",
        "target": "reference",
        "folder": "run",
        "latency": "1s",  # which any network keeps, however busy the machine is
        "profile": {"rounds": 8, "validation_networks": 1},
        "data": {
            "teacher_images": 200,
            "supernet_images": 100,
            "rating_images": 50,
            "train_images": 200,
            "validation_images": 50,
        },
        "teacher": {"recipe": {"epochs": 1}},
        "rate": {"epochs": 1},
        "train": {"epochs": 1},
    }
)
TARGET = 'runtime = "onnx-reference"\nprovider = "numpy"\n\n[sampling]\nruns = 1\nwarmup_runs = 1\n'


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the example is installed, without a network and outside the environment of the tests."""
    site = tmp_path_factory.mktemp("site")
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    subprocess.run([sys.executable, "-m", *install, str(EXAMPLE)], check=True, capture_output=True)
    return os.environ | {"PYTHONPATH": str(site)}


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_takes_less_than_300_lines() -> None:
    files = [path for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    assert len(files) >= 8
    assert sum(len(path.read_text().splitlines()) for path in files) < 300


def test_it_keeps_the_contracts(environment: dict[str, str]) -> None:
    said = run(["pytest", "-p", "no:cacheprovider", "-c", os.devnull, str(EXAMPLE / "tests")], EXAMPLE, environment)
    passed = re.search(r"(\d+) passed", said)
    assert passed is not None
    assert int(passed[1]) >= 47


def test_its_space_layer_and_runtime_walk_the_whole_journey(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "profiles" / "reference").mkdir(parents=True)
    (tmp_path / "profiles" / "reference" / "target.toml").write_text(TARGET)
    (tmp_path / "dna-deploy.toml").write_text(settings_text(TINY))
    run(["dna_deploy.cli.app", "run"], tmp_path, environment)
    table = LatencyTable.read(tmp_path / "run" / "latency_tables" / "ghost.reference.json")
    assert any(row.layer.startswith("ghost(") for row in table.rows)
    assert not table.absent
    card = ModelCard.read(tmp_path / "run" / "model" / "model.card.json")
    assert isinstance(card.measured, MeasuredLatency)
    assert card.measured.target.runtime == "onnx-reference"
    assert card.space == "ghost"
