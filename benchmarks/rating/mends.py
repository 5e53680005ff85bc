"""Cheap mends for the top of a ranking: what each gains, against the first list of the ground truth.

    python -m benchmarks.rating run dna dna-wide-teacher chain-2 chain-3 calibrated fine-tuned --list a
    python -m benchmarks.rating mends    (writes benchmarks/results/rating_mends.md)

Nothing is fitted on the ground truth. A shortlist is the best of each band by the second stage of DNA; from it the short
trainings choose, as the last rung of successive halving would.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from benchmarks.rating.judge import Row, Truth, compare, judge, rank_average
from benchmarks.rating.report import judged

BASE = "dna: second stage"
SHORTLISTS = (4, 8)

Values = npt.NDArray[np.float64]


def mended(truth: Truth, rows: Mapping[str, Row]) -> list[Row]:
    """The ratings that exist, and what is made of them."""
    shown = ("MACs", "dna: block sum", "dna: stitched", BASE, "chain-2: plain divergence", "chain-3: plain divergence")
    chosen = [rows[name] for name in shown if name in rows]
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
    rows = [tuned, Row("fine-tuned and second stage", rank_average(tuned.scores, first))]
    for size in SHORTLISTS:
        halved = [halve(rating, reached, truth.listed.bands, size) for rating, reached in zip(first, tuned.scores, strict=True)]
        rows.append(Row(f"the best {size} of a band by the second stage, fine-tuned", np.array(halved)))
    return rows


def halve(first: Values, second: Values, bands: npt.NDArray[np.int64], size: int) -> Values:
    """A score that puts the ``size`` best of each band by the first rating on top, in the order of the second."""
    score = rankdata(first) / len(first)
    for band in np.unique(bands):
        of = np.flatnonzero(bands == band)
        short = of[np.argsort(-first[of], kind="stable")[:size]]
        score[short] = 1 + rankdata(second[short])
    return score


def report_mends() -> str:
    """The tables as Markdown."""
    truth, _, every = judged("a")
    rows = mended(truth, every)
    base = [row for row in rows if row.name == BASE]
    pairs = [(row, base[0]) for row in rows if base and row.name != BASE]
    parts = (
        "<!-- made by: python -m benchmarks.rating mends -->",
        f"{len(truth.accuracy)} networks, list {truth.listed.digest[:19]}. Means over supernet seeds; 95 % intervals.",
        judge(truth, rows),
        f"Paired differences from {BASE}, and the share of resamples in which the first is ahead:",
        compare(truth, pairs),
    )
    return "\n\n".join(parts) + "\n"
