"""Writes what the scores of a list are worth as Markdown, and the most telling of them as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from tabulate import tabulate

from benchmarks.rating.experiments import COMPARISONS, EXPERIMENTS
from benchmarks.rating.judge import Row, Truth, compare, judge, rows_of
from benchmarks.rating.orders import CONTROLS, controls, sources_of_order
from benchmarks.rating.scores import ACCURACY, RunScores, read_scores
from benchmarks.rating.truth import TRUTHS

HEAD = Path(__file__).with_name("head.md")
"""The question, and what is in doubt."""
COLUMNS = ("experiment", "seed", "CPU s")
DRAWN = (
    "MACs",
    "dna-small-batches: block sum",
    "dna-small-batches: second stage",
    "dna-largest-teacher-small-batches: block sum",
    "dna-largest-teacher-small-batches: second stage",
    "spos-small-batches: minus loss",
)


def report(list_name: str) -> str:
    """The tables of a list as Markdown."""
    truth, runs, rows = judged(list_name)
    listed = truth.listed
    pairs = [
        (rows[comparison.first], rows[other])
        for comparison in COMPARISONS
        for other in comparison.others
        if comparison.first in rows and other in rows
    ]
    costs = tabulate([(run.experiment, run.seed, f"{run.cpu_s:.0f}", _told(run)) for run in runs], COLUMNS, tablefmt="github")
    parts = (
        "<!-- made by: python -m benchmarks.rating report -->",
        HEAD.read_text().strip(),
        f"{len(listed.networks)} networks, {truth.by_seed.shape[1]} trainings each; list {listed.digest[:19]}, images "
        f"{listed.data_digest[:19]}. Means over supernet seeds, with 95 % bootstrap intervals over networks, bands kept.",
        judge(truth, [row for name, row in rows.items() if tells(name)]),
        "Paired differences on the same resampled networks, and the share of resamples in which the first is ahead:",
        compare(truth, pairs),
        "Controls, tau given MACs of each teacher by itself. *Known* is what networks know of its beliefs, of what an answer "
        "can tell: below 1 % it is not counted, and the stitched rating has no order (-). *Made sure*: the order that there "
        "would be if it were counted, of scores as far apart as a trained teacher's.",
        controls(truth, rows),
        "Where a trained teacher's order comes from: tau given MACs; given the sum of block ratings of the same supernets, "
        "too, which keeps much of what it knows with any teacher; and given imitation, the mean rank of a network by what it "
        "knows of random teachers of the same kind, made sure of themselves. Intervals of random teachers are over teachers "
        "and networks.",
        sources_of_order(truth, rows),
        "What each run took; a teacher, trained once, is in the first run that needed it:",
        costs,
    )
    return "\n\n".join(parts) + "\n"


def judged(list_name: str) -> tuple[Truth, list[RunScores], dict[str, Row]]:
    """What is known of a list, every run on it, and their ratings by name."""
    truth, runs = Truth.read(TRUTHS[list_name]), read_scores(list_name, list(EXPERIMENTS))
    return truth, runs, {row.name: row for row in rows_of(truth, runs)}


def _told(run: RunScores) -> str:
    return "" if run.teacher_accuracy is None else f"{ACCURACY} {run.teacher_accuracy:.1%}"


def tells(name: str) -> bool:
    """Whether a row is in the table of all ratings: of controls what the tool says alone, the rest is in their own."""
    experiment, _, kind = name.partition(": ")
    if experiment in CONTROLS:
        return kind in ("block sum", "second stage")
    return experiment != "calibrated" and kind != "known" and (kind == "block sum" or not kind.startswith("block "))


def draw(list_name: str, path: Path) -> None:
    """Accuracy over score, a dot a network, coloured by band of latency."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "evidence"  # the same bytes from the same numbers
    from matplotlib import pyplot as plt

    truth, _, of_all = judged(list_name)
    rows = [of_all[name] for name in DRAWN if name in of_all]
    figure, axes = plt.subplots(2, -(-len(rows) // 2), figsize=(11, 6.4), sharey=True, squeeze=False, layout="constrained")
    for axis, row in zip(axes.flat, rows, strict=False):
        for band, colour in zip(np.unique(truth.listed.bands), ("#2a6f97", "#e07a1f", "#7a3b8f"), strict=False):
            of = truth.listed.bands == band
            axis.scatter(rankdata(row.scores[0])[of], 100 * truth.accuracy[of], s=18, color=colour, label=f"band {band + 1}")
        axis.set_title(row.name, fontsize=10)
        axis.set_xlabel("rank by the rating, best to the right", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("test accuracy, %")
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
