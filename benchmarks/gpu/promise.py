"""Whether networks keep budgets on the GPU: `benchmarks.latency.promise` with the table of the part `latency`."""

from __future__ import annotations

from benchmarks.gpu.__main__ import Check, printed
from benchmarks.gpu.latency import TARGET, space_of
from benchmarks.latency.promise import main


def run(check: Check) -> str:
    """Its report on three budgets, in a dry run on one by a few runs."""
    name, target = space_of(check), "cpu-1thread" if check.is_dry else TARGET
    table = check.folder("latency") / "latency_tables" / f"{name}.{target}.json"
    if not table.exists():
        raise SystemExit(f"there is no table {table}: run the part latency first")
    size = ("--budgets", "1", "--quick") if check.is_dry else ("--budgets", "3")
    return printed(main, (name, str(table), *size, "--work", str(check.folder("promise") / "found.jsonl")))
