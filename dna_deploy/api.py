"""The public names, gathered in one place: ``import dna_deploy.api as dna``. Nothing is loaded before it is used.

What is not listed here is an inside matter of its room and may change in any version.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

from dna_deploy import __version__

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text())
_MODULES = {
    str(alias.asname): str(node.module) for node in _STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names
}
"""Public name -> its module. The stub beside this file is the one list, which type checkers read as well."""

__all__ = ["__version__", *sorted(_MODULES)]  # noqa: PLE0604  (the stub is the one list of names)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
