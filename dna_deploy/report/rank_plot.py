"""Known accuracies over what ratings say of the same networks: a picture a rating, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.records.files import write_atomically
from dna_deploy.report.content import Plot
from dna_deploy.report.render import png
from dna_deploy.report.theme import WIDE, Shape, series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL_INCHES = 2.6


def write_rank_plot(path: Path, scores: Mapping[str, Sequence[float]], accuracies: Sequence[Sequence[float]]) -> None:
    """Writes a PNG with a panel a score (better to the right); every training of a network is a dot, its mean a ring."""
    plot = Plot("rank-check", "Ratings and accuracies", "accuracy over every score", partial(_draw, scores, accuracies))
    write_atomically(path, png(plot, WIDE))


def _draw(scores: Mapping[str, Sequence[float]], accuracies: Sequence[Sequence[float]], figure: Figure, shape: Shape) -> None:
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    figure.set_figheight(_PANEL_INCHES * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    colour, marker = series(0)
    for panel, (name, score) in zip(panels, scores.items(), strict=False):
        dots = [(x, 100 * y) for x, trainings in zip(score, accuracies, strict=True) for y in trainings]
        means = [100 * sum(trainings) / len(trainings) for trainings in accuracies]
        panel.scatter(*zip(*dots, strict=True), s=6, color=colour, alpha=0.35, linewidths=0)
        panel.scatter(score, means, s=22, facecolors="none", edgecolors=colour, marker=marker)
        panel.set_xlabel(name)
        panel.set_xticks([])
    for panel in panels[:: max(1, columns)]:
        panel.set_ylabel("accuracy, %")
    for panel in panels[len(scores) :]:
        panel.set_visible(False)
