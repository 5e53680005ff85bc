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


SAID = {
    "learning": ("torch ", "ratings of equal weights", "bfloat16", "| cpu          | off "),
    "engines": ("onnxruntime 1", "Polygraphy", "tensorrt_rtx: absent: ", "tensorrt: absent: "),
    "latency": ("fashion: 56 rows", "| calibrated ", "dynamic programme"),
    "promise": ("space fashion, target cpu-1thread", "without the loop: ", "with the loop: "),
    "nats": ("| dna, seed 0 ", "8 images, rated on 2, teacher resnet20"),
}
"""What stands in the file of each part."""


@pytest.mark.slow
def test_its_parts_write_what_they_find_and_are_not_run_twice(tmp_path: Path) -> None:
    first = check(tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    for part, words in SAID.items():
        text = (tmp_path / f"{part}.txt").read_text()
        assert [word for word in words if word not in text] == [], text
    again = check(tmp_path, "--seconds", "0")
    assert again.stdout.count("finished before") == len(SAID)
    (tmp_path / "nats.txt").unlink()
    assert "not begun: no time is left" in check(tmp_path, "nats", "--seconds", "0").stdout


def test_a_part_that_there_is_not_is_named(tmp_path: Path) -> None:
    ran = check(tmp_path, "latencies")
    assert ran.returncode == 2
    assert "unknown part latencies; there are learning, engines, latency, promise, nats" in ran.stderr
