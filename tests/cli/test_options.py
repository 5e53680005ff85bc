"""Option groups: flags are what the configs say, and a flag stands above environment, `dna-deploy.toml` and defaults."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

import dna_deploy.cli.commands
from dna_deploy.cli.app import app
from dna_deploy.cli.options.groups import Knob, Knobs, spread
from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import field_of

KNOBS = Knobs("Some", "space", "train.epochs", Knob("compute.feature_cache_bytes", ("--cache",)), "prefer_cheaper")


def settings_by(*arguments: str) -> Settings:
    """What a command with some knobs gets from a command line."""
    read: list[Settings] = []

    def command(settings: Annotated[Settings, KNOBS]) -> None:
        read.append(settings)

    command.__annotations__ = {"settings": Annotated[Settings, KNOBS], "return": None}
    made = typer.Typer()
    made.command()(spread(command))
    result = CliRunner().invoke(made, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return read[0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dna-deploy.toml").write_text('space = "mbconv"\n[train]\nepochs = 7\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_stands_above_the_environment_that_above_the_file_that_above_the_default(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_by().train.epochs == 7
    monkeypatch.setenv("DNA_DEPLOY_TRAIN_EPOCHS", "8")
    assert settings_by().train.epochs == 8
    assert settings_by("--epochs", "9").train.epochs == 9
    assert settings_by("--epochs", "9").space == "mbconv"
    (project / "dna-deploy.toml").unlink()
    assert settings_by().space == "fashion"


def test_a_flag_is_read_by_the_config_that_has_the_key() -> None:
    assert settings_by("--cache", "4KiB").compute.feature_cache_bytes == 4096
    assert not settings_by("--no-prefer-cheaper").prefer_cheaper


def test_a_wrong_value_is_named_by_what_the_user_wrote(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNA_DEPLOY_TRAIN_EMA", "1.5")
    with pytest.raises(UsageError) as caught:
        settings_by()
    assert caught.value.message.startswith("DNA_DEPLOY_TRAIN_EMA '1.5': ")
    assert "running mean" in caught.value.hint


@pytest.mark.parametrize(("command", "flag", "key"), [
    ("rate", "epochs", "rate.epochs"), ("train", "epochs", "train.epochs"), ("evolve", "growth", "evolve.growth.parameters"),
    ("profile", "validate", "profile.validation_networks"), ("search", "quantile", "quantile"), ("kit", "seed", "seed"),
])  # fmt: skip
def test_help_shows_the_default_that_the_config_has(command: str, flag: str, key: str) -> None:
    found: Any = get_command(app)
    (option,) = (option for option in found.commands[command].params if f"--{flag}" in option.opts)
    assert option.show_default == str(field_of(key).default)


def test_no_command_has_more_than_twelve_parameters_besides_groups() -> None:
    folder = Path(dna_deploy.cli.commands.__file__).parent
    functions = [node for path in folder.glob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    counts = {node.name: len(node.args.args + node.args.kwonlyargs) for node in functions if isinstance(node, ast.FunctionDef)}
    assert len(counts) > 60
    assert {name: count for name, count in counts.items() if count > 12} == {}


def test_a_typo_in_a_group_is_found_at_once() -> None:
    with pytest.raises(KeyError):
        Knob("train.epoch").as_parameter("Some")
    assert inspect.signature(spread(lambda space=None: None)).parameters.keys() == {"space"}


@pytest.mark.parametrize(("arguments", "space"), [([], "fashion"), (["--space", "mbconv"], "mbconv")])
def test_a_command_in_a_project_speaks_of_its_space(tmp_path: Path, arguments: list[str], space: str) -> None:
    (tmp_path / "dna-deploy.toml").write_text('space = "fashion"')
    command = [sys.executable, "-m", "dna_deploy.cli.app", "search", "--latency", "1ms", *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"dna-deploy rate --space {space}" in ran.stderr
    assert ran.returncode == 4


def test_no_help_holds_what_a_terminal_takes_for_markup() -> None:
    """``[model]`` in a sentence would vanish from it."""
    commands, texts = [get_command(app)], list[str]()
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        texts += [command.help or "", *(getattr(parameter, "help", "") or "" for parameter in command.params)]
    assert len(texts) > 200
    assert [text for text in texts if re.search(r"(?<!\\)\[/?[a-z][^\]]*\]", text)] == []
