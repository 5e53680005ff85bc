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
        if _RUN.get(name) == path.resolve():  # nobody may import the half of it
            del sys.modules[name], _RUN[name]
        raise UsageError(f"{path} cannot be imported: {type(error).__name__}: {error}", f"try: python {path}") from error
    return module


def _is_free(name: str, path: Path) -> bool:
    """Whether nothing else is imported by a name."""
    if name in _RUN or name in sys.modules or not name.isidentifier():
        return name in _RUN
    package = find_spec(name)
    return package is None or package.origin == str(path.resolve())


class Shipped(Generic[T]):
    """Something with modules in it: itself in this process; another one runs the files first, and gets a copy of its own.

    Tensors would else lie in memory that both share, where a training in one process changes them in the other.
    """

    def __init__(self, content: T) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (tuple(_RUN.values()), _packed(self.content))


def _unpacked(paths: tuple[Path, ...], content: bytes) -> Shipped[Any]:
    for path in paths:
        if path not in _RUN.values():
            run_file(path)
    return Shipped(pickle.loads(content))  # by the process that has started this one


def check_ships(content: object) -> None:
    """Raises `UsageError` where other processes cannot be given something."""
    _packed(content)


def _packed(content: object) -> bytes:
    try:
        return pickle.dumps(content)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        why = str(error).partition("\n")[0][:160]
        raise UsageError(f"the model cannot be sent to other processes: {why}", "leave out --jobs and --on") from error
