"""A space of somebody's own model goes the way of any other: its kit is profiled, and networks of it are searched for."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import UsageError
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.records.own_space import write_own_space
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.catalog import find_space
from tests.fit.own_net import NET
from tests.records.own_model import own_space
from tests.search.instances import random_ratings, random_table


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def said(command: str) -> str:
    result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_best_network_of_an_own_space_is_found_and_proven() -> None:
    space = own_space().space
    path = write_own_space(own_space(), Path())
    random_table(space, random.Random(1)).write(Path(f"latency_tables/{space.name}.device.json"))
    random_ratings(space, random.Random(1)).write(Path(f"ratings/{space.name}.json"))
    outcome = json.loads(said(f"search --space {path} --latency 1s --json"))["outcome"]
    assert outcome["proof"]["gap"] == 0
    space.check(space.parse(outcome["best"]["architecture"]))
    assert outcome["space"] == space.name


@pytest.mark.slow
def test_a_model_becomes_a_kit_a_space_and_a_table(tmp_path: Path) -> None:
    Path("my_net.py").write_text(NET)
    said("kit --model my_net.py:Net --input 3x18x18 --freeze stages.2 --calibration 3 --validation 0 -o mine.kit")
    kit = ProbeKit.read(tmp_path / "mine.kit")
    space = find_space(f"{kit.manifest.space}.space.json")
    assert {probe.key for probe in kit.probes("layer")} == {layer.key for layer in space.rows()}
    assert cached_kit(space).digest == kit.digest  # rows of its table can be timed again
    for file in (tmp_path / "cache").rglob("*.kit"):
        file.unlink()
    with pytest.raises(UsageError, match=f"the kit of {space.name} is not here"):
        cached_kit(space)
    body = json.loads(said("profile mine.kit --rounds 24 --accept-noise --validate 0 --json"))
    assert (body["rows"], body["absent"]) == (len(space.rows()), [])


@pytest.mark.torch
def test_a_kit_of_a_model_in_another_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="in int8 cannot be made"):
        said("kit --model my_net.py:Net --precision int8 -o mine.kit")
