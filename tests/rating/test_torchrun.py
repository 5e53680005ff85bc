"""Blocks spread over the processes of torchrun: the table is that of one process, bit for bit, and one process writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dna_deploy.data.fashion_mnist import SYSTEM_FOLDER
from dna_deploy.records.rating_table import RatingTable

RATE = (
    "-m", "dna_deploy.cli.app", "rate", "--epochs", "1", "--images", "64", "--rating-images", "16", "--teacher-epochs", "1",
    "--teacher-images", "64", "--batch", "32", "--json",
)  # fmt: skip
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def rate(folder: Path, *launcher: str) -> tuple[RatingTable, list[dict[str, object]]]:
    """What the command leaves, and what it prints."""
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, *launcher, *RATE]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=300)
    assert ran.returncode == 0, ran.stderr
    decoder, rest, printed = json.JSONDecoder(), ran.stdout.strip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        printed.append(value)
        rest = rest[end:].strip()
    return RatingTable.read(folder / "ratings" / "fashion.json"), printed


@pytest.mark.slow
@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_torchrun_rates_like_one_process(tmp_path: Path) -> None:
    alone, _ = rate(tmp_path / "alone")
    spread, printed = rate(tmp_path / "spread", *TORCHRUN)
    assert len(printed) == 1
    assert spread.model_dump(exclude={"provenance"}) == alone.model_dump(exclude={"provenance"})
    supernets = [sorted((tmp_path / name / "runs").rglob("supernet-*")) for name in ("alone", "spread")]
    assert len(supernets[0]) == 3
    for one, other in zip(*supernets, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
