"""Cheap mends for the top of a ranking: what each gains, against the first list of the ground truth.

    python benchmarks/evidence.py run dna dna-wide-teacher chain-2 chain-3 calibrated fine-tuned --truth first
    python benchmarks/evidence_better.py    (writes benchmarks/results/evidence_better.md)

Nothing is fitted on the ground truth. A shortlist is the best of each band by the second stage of DNA; from it the short
trainings choose, as the last rung of successive halving would.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from evidence import FILES, MethodScores, read_scores
from evidence_report import Row, Truth, compare, judge, rank_average, rows_of
from ground_truth_records import TRUTHS
from scipy.stats import rankdata

RESULT = Path(__file__).parent / "results" / "evidence_better.md"
BASE = "dna: second stage"
SHORTLISTS = (4, 8)

Values = npt.NDArray[np.float64]


def mended(truth: Truth, found: Sequence[MethodScores]) -> list[Row]:
    """The ratings that exist, and what is made of them."""
    rows = {row.name: row for row in rows_of(truth, found)}
    wanted = ("MACs", "dna: block sum", "dna: stitched", BASE, "chain-2: plain divergence", "chain-3: plain divergence")
    chosen = [rows[name] for name in wanted if name in rows]
    chosen += [row for name, row in rows.items() if name.startswith("calibrated: ")]
    for kind in ("block sum", "stitched", "second stage"):
        names = (f"dna: {kind}", f"dna-wide-teacher: {kind}")
        if set(names) <= rows.keys():
            both = [
                rows[name].scores.mean(0, keepdims=True) if kind == "second stage" else rows[name].scores[:1] for name in names
            ]
            chosen.append(Row(f"two teachers: {kind}", rank_average(*both)))
    if "fine-tuned: accuracy" in rows and BASE in rows:
        chosen += fine_tuned_rows(truth, rows["fine-tuned: accuracy"], rows[BASE])
    return chosen


def fine_tuned_rows(truth: Truth, tuned: Row, base: Row) -> list[Row]:
    """What an epoch of every network says, alone, with the rating, and on shortlists of the rating."""
    first = base.scores[: len(tuned.scores)]
    found = [tuned, Row("fine-tuned and second stage", rank_average(tuned.scores, first))]
    for size in SHORTLISTS:
        halved = [halve(one, other, truth.listed.bands, size) for one, other in zip(first, tuned.scores, strict=True)]
        found.append(Row(f"the best {size} of a band by the second stage, fine-tuned", np.array(halved)))
    return found


def halve(first: Values, second: Values, bands: npt.NDArray[np.int64], size: int) -> Values:
    """A score that puts the ``size`` best of each band by the first rating on top, in the order of the second."""
    score = rankdata(first) / len(first)
    for band in np.unique(bands):
        of = np.flatnonzero(bands == band)
        short = of[np.argsort(-first[of], kind="stable")[:size]]
        score[short] = 1 + rankdata(second[short])
    return score


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    truth, results = Truth.read(TRUTHS["first"]), FILES["first"][0]
    rows = mended(truth, read_scores(truth.listed, results))
    base = [row for row in rows if row.name == BASE]
    pairs = [(row, base[0]) for row in rows if base and row.name != BASE]
    text = "\n\n".join(
        (
            "<!-- made by: python benchmarks/evidence_better.py -->",
            f"{len(truth.accuracy)} networks, list {truth.listed.digest[:19]}. Means over supernet seeds; 95 % intervals.",
            judge(truth, rows),
            f"Paired differences from {BASE}, and the share of resamples in which the first is ahead:",
            compare(truth, pairs),
        )
    )
    RESULT.write_text(text + "\n")


if __name__ == "__main__":
    main()
