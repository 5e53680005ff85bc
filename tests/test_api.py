"""The public names: one list, loaded late, each one documented."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import dna_deploy.api as dna


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
