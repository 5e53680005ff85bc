"""``dna-deploy units`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.cli.json_outputs import output_schema
from dna_deploy.errors import UsageError
from tests.fit.own_net import NET

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def said(words: str = "") -> str:
    command = f"units --model my_net.py:Net --input 3x18x18 --seconds 0.1 {words}"
    result = CliRunner().invoke(app, command.split(), env={"COLUMNS": "80"}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_every_unit_is_listed_with_its_time_and_what_may_change() -> None:
    body = json.loads(said("--json"))
    jsonschema.validate(body, output_schema("units"))
    may = {unit["path"]: (unit["input"], unit["output"], unit["may"]) for unit in body["units"]}
    assert may == {
        "stages.0": ("8x16x16", "8x16x16", ["skip", "width", "operation", "depth"]),
        "stages.1": ("8x16x16", "8x16x16", ["skip", "width", "operation", "depth"]),
        "stages.2": ("8x16x16", "16x8x8", ["width", "operation"]),
    }
    spent = sum(unit["seconds"] for unit in body["units"])
    assert 0 < spent <= body["whole_s"] * 1.2  # medians of parts, and of the whole
    assert body["replaceable_share"] == pytest.approx(spent / body["whole_s"])


def test_the_table_holds_80_columns_and_ends_with_the_share_and_the_fastest() -> None:
    lines = said().splitlines()
    assert max(map(len, lines)) <= 80
    assert "no skip, since it changes the shape: stages.2" in lines
    assert " replaceable units; the fastest reachable took " in " ".join(line.strip() for line in lines[-2:])


def test_what_is_frozen_may_not_change() -> None:
    units = {unit["path"]: unit for unit in json.loads(said("--json --freeze stages.0"))["units"]}
    assert units["stages.0"]["may"] == []
    assert units["stages.0"]["reasons"]["width"] == "it is frozen"
    assert units["stages.1"]["may"]


def test_freezing_what_is_no_unit_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="names no unit") as raised:
        said("--freeze stages.7")
    assert "stages." in raised.value.hint
