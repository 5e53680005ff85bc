"""The laws of the house, checked by running it: what is imported when, and what is missing when torch is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import dna_deploy

HEAVY = ("torch", "torchvision", "timm", "onnx", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx", "scipy", "matplotlib")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_floors_and_forbidden_imports_hold() -> None:
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["profile", "--help"], ["run", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["dna-deploy", *{arguments!r}]
from dna_deploy.cli.app import main
try:
    main()
except SystemExit as stop:
    assert stop.code in (0, None), stop.code
found = [name for name in {HEAVY!r} if name in sys.modules]
assert not found, found
"""
    ran = run_python(code)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "room", ["latency", "search", "records", "statistics", "spaces", "targets", "plugins", "units", "progress", "errors"]
)
def test_rooms_for_the_device_import_without_torch_and_onnx(room: str) -> None:
    code = f"""
import importlib, importlib.abc, pkgutil, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "onnx", "onnxscript"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
package = importlib.import_module("dna_deploy.{room}")
for module in pkgutil.walk_packages(getattr(package, "__path__", []), "dna_deploy.{room}."):
    importlib.import_module(module.name)
for name in ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"):
    assert name not in sys.modules, name
"""
    ran = run_python(code)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "command", ["rate --space fashion", "demo", "train x.json", "kit --space fashion -o x.kit", "export x.json"]
)
def test_a_command_that_needs_torch_says_so_where_there_is_none(command: str) -> None:
    code = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors"):
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["dna-deploy", *{command.split()!r}]
from dna_deploy.cli.app import main
main()
"""
    ran = run_python(code)
    assert ran.returncode == 5, ran.stderr
    assert "which is not installed" in ran.stderr
    assert "hint: pip install 'dna-deploy[train]'" in ran.stderr
    assert "Traceback" not in ran.stderr


RUNTIMES = ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx")
PACKAGE = Path(dna_deploy.__file__).parent


@cache
def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, by statement or by name."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                names.append(module)
            case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(name)), *_]):
                names.append(name)
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_is_imported_in_its_runner_and_its_exporter_alone(runtime: str) -> None:
    places = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if runtime in imported(path)]
    rooms = [path.parts[0] for path in places]
    assert rooms.count("latency") <= 1, places
    assert rooms.count("export") <= 1, places
    assert set(rooms) <= {"latency", "export"}, places


def test_nothing_is_unpickled_but_what_processes_send_each_other() -> None:
    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "fit" / "shipped.py"}:
        assert not imported(path) & {"dill", "joblib", "cloudpickle"}, path
        found = re.search(r"pickle\.(loads?|Unpickler)\b|weights_only=False|allow_pickle=True", path.read_text())
        assert found is None, (path, found)
