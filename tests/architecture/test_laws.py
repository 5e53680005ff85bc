"""The laws of the house, checked by running it: what is imported when, and what is missing when torch is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

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
    "room", ["latency", "search", "records", "spaces", "targets", "plugins", "units", "progress", "errors"]
)
def test_rooms_for_the_device_import_without_torch_and_onnx(room: str) -> None:
    code = f"""
import sys
for name in ("torch", "torchvision", "timm", "onnx", "onnxscript"):
    sys.modules[name] = None
import importlib, pkgutil
package = importlib.import_module("dna_deploy.{room}")
for module in pkgutil.walk_packages(getattr(package, "__path__", []), "dna_deploy.{room}."):
    importlib.import_module(module.name)
for name in ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx"):
    assert name not in sys.modules, name
"""
    ran = run_python(code)
    assert ran.returncode == 0, ran.stderr
