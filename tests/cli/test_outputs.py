"""What every command says: help and results of 80 columns, and JSON that is documented key by key."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import dna_deploy.cli
from dna_deploy.cli.app import app
from dna_deploy.cli.json_outputs import OUTPUTS, output_schema
from dna_deploy.spaces.catalog import find_chain
from tests.search.instances import random_ratings, random_table

WIDTH = 80
ENVIRONMENT = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"}
FASHION = find_chain("fashion").with_head()


def commands(command: Any = None, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that can be called, by its name."""
    command = command or get_command(app)
    for child, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {child}".strip())
    if name:
        yield name, command


COMMANDS = dict(commands())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two tables, ratings and settings, and the current folder of the test."""
    for seed, target in ((0, "cpu-1thread"), (1, "jetson-orin-nano-fp16")):
        random_table(FASHION, random.Random(seed), target).write(tmp_path / f"latency_tables/fashion.{target}.json")
    random_ratings(FASHION, random.Random(0)).write(tmp_path / "ratings" / "fashion.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(command: str) -> str:
    result = CliRunner().invoke(app, command.split(), env=ENVIRONMENT, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_holds_80_columns_and_ends_with_an_example(name: str) -> None:
    text = said(f"{name} --help")
    assert max(map(len, text.splitlines())) <= WIDTH
    if name and not name.startswith("tables "):
        assert "Example" in text


CHEAP = (
    "spaces",
    "teachers",
    "targets",
    "tables",
    "tables show latency_tables/fashion.cpu-1thread.json",
    "tables diff latency_tables/fashion.cpu-1thread.json latency_tables/fashion.cpu-1thread.json",
    "init",
    "search --latency 10s@cpu-1thread --top 3",
    "front latency@cpu-1thread macs",
    "portfolio --space fashion --latency 10s@cpu-1thread --latency 20s@jetson-orin-nano-fp16",
)


@pytest.mark.parametrize("command", CHEAP, ids=lambda command: command.partition(" -")[0])
def test_results_hold_80_columns(project: Path, command: str) -> None:
    wide = [line for line in said(command).splitlines() if len(line) > WIDTH]
    assert not wide, wide[0]


@pytest.mark.parametrize("command", CHEAP, ids=lambda command: command.partition(" -")[0])
def test_json_is_what_its_schema_says(project: Path, command: str) -> None:
    body = json.loads(said(f"{command} --json"))
    jsonschema.validate(body, output_schema(body["command"]))


def test_every_command_with_json_is_documented_and_no_other() -> None:
    with_json = {name for name, command in COMMANDS.items() if "json" in {param.name for param in command.params}}
    assert with_json == set(COMMANDS), "every command prints JSON"
    assert with_json - {"demo"} == set(OUTPUTS)


def test_every_schema_is_one() -> None:
    for command in OUTPUTS:
        jsonschema.Draft202012Validator.check_schema(output_schema(command))


def printed_keys() -> Iterator[tuple[str, str]]:
    """The keys that calls of `print_json` name, with their command."""
    for path in Path(dna_deploy.cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="print_json"), args=[ast.Constant(value=str(command))], keywords=keywords):
                    yield from ((command, keyword.arg) for keyword in keywords if keyword.arg)


def test_no_command_prints_a_key_that_is_not_documented() -> None:
    found = sorted(printed_keys())
    assert len(found) > 60
    assert [(name, key) for name, key in found if key not in {known.rstrip("?") for known in OUTPUTS[name]}] == []


def test_a_key_that_is_not_documented_is_found() -> None:
    body = {"schema_version": 1, "command": "spaces", "spaces": [], "another": 1}
    with pytest.raises(jsonschema.ValidationError, match="another"):
        jsonschema.validate(body, output_schema("spaces"))


@pytest.mark.parametrize(("typed", "meant"), [("serch", "search"), ("profil", "profile"), ("--vresion", "--version")])
def test_a_mistyped_command_or_flag_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    result = CliRunner().invoke(app, [typed], env=ENVIRONMENT)
    assert result.exit_code == 2
    assert meant in result.output


def test_completion_of_a_shell_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, [], env={"_DNA_DEPLOY_COMPLETE": "complete_bash", "COMP_WORDS": "dna-deploy ta",
                                              "COMP_CWORD": "1"}, prog_name="dna-deploy")  # fmt: skip
    assert result.stdout.split() == ["targets", "tables"]
