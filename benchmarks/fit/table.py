"""The rows of networks as a table: seeds together, the best after fine-tuning first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tabulate import tabulate

from benchmarks.fit.cases import Case

HEADERS = ("asked", "network", "epochs", "ms", "of original", "before, %", "after, % (seeds)", "minus original, points")

HEAD = """# {words}

{test} images to test, {train} to fine-tune on, {rated} to fit units to and at most as many others to rate them by; one thread;
latency by p25 in turns with the original. *Before* is with nothing fine-tuned. {tuned}
Networks by name are fitted with least squares and mended, as `fit` does it, but for those with *nothing refitted*.
*Minus original* is of the same images, paired, against the original as it is; its error is over images, not over seeds.
Rows without a share are networks as they are published{same}. By `python -m benchmarks.fit {name}`.
"""

TUNED = """Fine-tuning: AdamW, cosine, labels and the original's answers by halves; of two learning rates, and one at
which features at the ends of stages are learnt besides, the best after one epoch on validation images."""
AGREEING = "There are no labels: per cent are images on which the original answers the same."


def page(name: str, case: Case, rows: Sequence[dict[str, str]]) -> str:
    """The table and how it was made."""
    test, train = (" or ".join(sorted({row[f"{part} images"] for row in rows})) or "No" for part in ("test", "train"))
    tuned, same = (TUNED, ", fine-tuned in the same way") if any(case.epochs) else (AGREEING, "")
    words = HEAD.format(words=case.words, name=name, test=test, train=train, rated=case.rated_images, tuned=tuned, same=same)
    return f"{words}\n{table(rows)}"


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
