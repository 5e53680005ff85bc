"""The rows of networks as a table: seeds together, the best before and after fine-tuning first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tabulate import tabulate

HEADERS = ("asked", "network", "epochs", "ms", "of original", "before, %", "after, % (seeds)", "minus original, points")


HEAD = """# ResNet-56 within a part of its time

Public CIFAR-10 weights on JPEG copies of the images ({test} to test, {train} to fine-tune on, 128 to fit units to and 128
others to rate by); one thread; latency by p25 in turns with the original. Fine-tuning: AdamW, cosine, labels and the
original's answers by halves, the better of two learning rates after one epoch on 1,000 validation images. *Before* is with
batch norms gathered anew and nothing fine-tuned. *Minus original* is of the same images, paired, against the original as it
is; its error is over images, not over seeds. Rows without a share are other networks, fine-tuned in the same way. By
`python -m benchmarks.fit`.
"""


def page(rows: Sequence[dict[str, str]]) -> str:
    """The table and how it was made."""
    test, train = (" or ".join(sorted({row[f"{part} images"] for row in rows})) for part in ("test", "train"))
    return f"{HEAD.format(test=test, train=train)}\n{table(rows)}"


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
