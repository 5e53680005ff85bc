"""The script for a GPU, tried on the CPU with tiny sizes: every part writes its file, and a finished one is not run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "check.sh"


def check(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    command = ["bash", str(SCRIPT), "--dry-run", "--out", str(out), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_its_parts_write_what_they_find_and_are_not_run_twice(tmp_path: Path) -> None:
    first = check(tmp_path, "learning", "engines")
    assert first.returncode == 0, first.stdout + first.stderr
    learning, engines = ((tmp_path / f"{part}.txt").read_text() for part in ("learning", "engines"))
    assert "torch " in learning
    assert "ratings of equal weights" in learning
    assert "bfloat16" in learning
    assert "onnxruntime 1" in engines
    assert "tensorrt: absent" in engines
    again = check(tmp_path, "learning", "engines", "--seconds", "0")
    assert again.stdout.count("finished before") == 2
    assert "not begun: no time is left" in check(tmp_path, "latency", "--seconds", "0").stdout


def test_a_part_that_there_is_not_is_named(tmp_path: Path) -> None:
    ran = check(tmp_path, "latencies")
    assert ran.returncode == 2
    assert "unknown part latencies; there are learning, engines, latency, promise, nats" in ran.stderr
