"""Whether networks keep budgets on the GPU: `benchmarks.latency.promise` with the table of the part `latency`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.gpu.__main__ import Check
from benchmarks.gpu.latency import TARGET, space_of


def run(check: Check) -> str:
    """Its report on three budgets, on one in a dry run."""
    name, target = space_of(check), "cpu-1thread" if check.is_dry else TARGET
    table = check.folder("latency") / "latency_tables" / f"{name}.{target}.json"
    if not table.exists():
        raise SystemExit(f"there is no table {table}: run the part latency first")
    budgets = ("--budgets", "1" if check.is_dry else "3", "--work", str(check.folder("promise") / "found.jsonl"))
    command = [sys.executable, "-m", "benchmarks.latency.promise", name, str(table), *budgets]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
