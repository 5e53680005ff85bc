"""A pytest plugin, ``-p tests.quick``: the tests that need no torch, in an interpreter in which torch cannot be imported.

A module that imports torch is skipped and counted; tests that are marked ``torch`` or ``slow`` are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pytest

UNIMPORTABLE = ("torch", "torchvision", "timm", "onnxscript", "safetensors", "fvcore")


class Unimportable(MetaPathFinder):
    """Stands before all finders, and says that torch and what comes with it are not installed."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in UNIMPORTABLE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class ModuleWithoutTorch(pytest.Module):
    """A test module that is skipped where its imports end at torch; any other error stays one."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            cause = error.__cause__
            if isinstance(cause, ModuleNotFoundError) and (cause.name or "").partition(".")[0] in UNIMPORTABLE:
                pytest.skip(f"imports {cause.name}", allow_module_level=True)
            if "which is not installed" in str(cause):
                pytest.skip(str(cause), allow_module_level=True)
            raise


def pytest_configure(config: pytest.Config) -> None:
    assert "torch" not in sys.modules, "torch was imported before the tests"
    sys.meta_path.insert(0, Unimportable())


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return ModuleWithoutTorch.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in ("slow", "torch"))]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
