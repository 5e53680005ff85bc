"""DNA on all of nats-size, at full length, and its regret: `benchmarks.nats` on the GPU."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.gpu.__main__ import Check


def run(check: Check) -> str:
    """The report of that benchmark."""
    if check.truth is None or check.cifar is None:
        raise SystemExit("give --truth FOLDER (of size_cifar10.csv) and --cifar FOLDER (of CIFAR-10)")
    size = ("--images", "200", "--rating-images", "50") if check.is_dry else ("--images", "45000", "--rating-images", "2000")
    command = [sys.executable, "-m", "benchmarks.nats", "--truth", str(check.truth), "--cifar", str(check.cifar)]
    work = ("--methods", "dna", "--seeds", "1", "--device", check.device, "--work", str(check.folder("nats")))
    return subprocess.run([*command, *work, *size], stdout=subprocess.PIPE, text=True, check=True).stdout
