"""Networks on their way to other processes, with the Python files of their owners that their classes come from."""

from __future__ import annotations

import pickle
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from dna_deploy.errors import UsageError

T = TypeVar("T")

_RUN: dict[str, Path] = {}
"""Name of a module -> the file that was run for it."""


def run_file(path: Path) -> ModuleType:
    """The module of somebody's Python file, which is run now. What it makes can be shipped unless a package has its name.

    Raises:
        UsageError: there is none, or it fails.
    """
    name = path.stem
    spec = spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UsageError(f"there is no Python file {path}", "write the model as FILE.py:NAME, such as my_net.py:build")
    module = module_from_spec(spec)
    if _is_free(name, path):
        sys.modules[name], _RUN[name] = module, path.resolve()
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever their code raises
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}", f"try: python {path}") from error
    return module


def _is_free(name: str, path: Path) -> bool:
    """Whether nothing else is imported by a name."""
    if name in _RUN or name in sys.modules or not name.isidentifier():
        return name in _RUN
    package = find_spec(name)
    return package is None or package.origin == str(path.resolve())


class Shipped(Generic[T]):
    """Something with modules in it: itself in this process, while another one runs the files before it unpacks it."""

    def __init__(self, content: T) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_files, (_Files(tuple(_RUN.values())), self.content)


class _Files:
    """Files that are run where this arrives."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = paths

    def __reduce__(self) -> tuple[Any, ...]:
        return _run_anew, (self.paths,)


def _run_anew(paths: tuple[Path, ...]) -> _Files:
    for path in paths:
        if path not in _RUN.values():
            run_file(path)
    return _Files(paths)


def _with_files(_files: _Files, content: T) -> Shipped[T]:
    return Shipped(content)


def check_ships(content: object) -> None:
    """Raises `UsageError` where other processes cannot be given something."""
    try:
        pickle.dumps(content)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        why = str(error).partition("\n")[0][:160]
        raise UsageError(f"the model cannot be sent to other processes: {why}", "leave out --jobs and --on") from error
