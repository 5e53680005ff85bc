"""Flags before environment before `dna-deploy.toml` before built-in defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dna_deploy.cli.project import project_defaults
from dna_deploy.errors import UsageError

COMMANDS = {"search": frozenset({"space", "quantile"}), "kit": frozenset({"space", "seed"})}


def test_the_file_sets_only_flags_that_a_command_has(tmp_path: Path) -> None:
    path = tmp_path / "dna-deploy.toml"
    path.write_text('space = "fashion"\nseed = 3\nlatency = "1ms"\n')
    assert project_defaults(COMMANDS, path, {}) == {"search": {"space": "fashion"}, "kit": {"space": "fashion", "seed": 3}}


def test_the_environment_is_above_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dna-deploy.toml"
    path.write_text('space = "fashion"')
    assert project_defaults(COMMANDS, path, {"DNA_DEPLOY_SPACE": "mbconv"})["kit"] == {"space": "mbconv"}


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dna-deploy.toml"
    path.write_text("space =")
    with pytest.raises(UsageError, match="cannot read"):
        project_defaults(COMMANDS, path, {})


@pytest.mark.parametrize(("arguments", "space"), [([], "fashion"), (["--space", "mbconv"], "mbconv")])
def test_a_command_in_a_project_speaks_of_its_space(tmp_path: Path, arguments: list[str], space: str) -> None:
    (tmp_path / "dna-deploy.toml").write_text('space = "fashion"')
    command = [sys.executable, "-m", "dna_deploy.cli.app", "search", "--latency", "1ms", *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"dna-deploy rate --space {space}" in ran.stderr
    assert ran.returncode == 4
