"""The public names: one list, loaded late, each one documented."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dna_deploy.api as dna


def names_for_type_checkers() -> dict[str, str]:
    """Name -> module, from the stub beside the module."""
    tree = ast.parse(Path(dna.__file__).with_suffix(".pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {str(one.asname): str(node.module).removeprefix("dna_deploy.") for node in imports for one in node.names}


def test_type_checkers_see_the_names_that_are_there() -> None:
    assert names_for_type_checkers() == dna._MODULES


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(dna.__all__) - {"__version__", "OnProgress"}))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(dna, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = dna.serach


def test_importing_the_names_loads_nothing_heavy() -> None:
    code = (
        "import sys, dna_deploy.api; print([m for m in ('numpy', 'torch', 'scipy', 'pydantic', 'typer') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
