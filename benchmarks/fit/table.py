"""The rows of networks as a table: seeds together, the best before and after fine-tuning first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tabulate import tabulate

HEADERS = ("asked", "network", "epochs", "ms", "of original", "before, %", "after, % (seeds)", "minus original, points")


def table(rows: Sequence[dict[str, str]]) -> str:
    """Grouped by what was asked for, the longest fine-tuning first, then by accuracy after it."""
    groups = defaultdict[tuple[float, str, int], list[dict[str, str]]](list)
    for row in rows:
        groups[float(row["asked"]), row["network"], int(row["epochs"])].append(row)
    lines = [_line(*key, group) for key, group in groups.items()]
    lines.sort(key=lambda line: (-line[0], -line[2], -line[-1]))
    shown = [(f"{asked:.0%}" if asked else "-", *middle) for asked, *middle, _ in lines]
    return tabulate(shown, HEADERS, tablefmt="github", disable_numparse=True)


def _line(
    asked: float, network: str, epochs: int, rows: Sequence[dict[str, str]]
) -> tuple[float, str, int, str, str, str, str, str, float]:
    def mean(column: str) -> float:
        return sum(float(row[column]) for row in rows) / len(rows)

    seeds = " ".join(f"{100 * float(row['after']):.1f}" for row in rows)
    after, off, error = 100 * mean("after"), 100 * mean("minus original"), 100 * mean("standard error")
    return (
        asked, network, epochs, f"{mean('ms'):.2f}", f"{mean('of original'):.2f}", f"{100 * mean('before'):.1f}",
        f"{after:.1f} ({seeds})", f"{off:+.1f} ± {error:.1f}", after,
    )  # fmt: skip
