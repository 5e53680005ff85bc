"""Known metrics over what ratings say of the same networks: a picture a rating, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from dna_deploy.records.accuracy_list import KnownNetwork
from dna_deploy.records.files import write_atomically
from dna_deploy.report.content import Plot
from dna_deploy.report.render import png
from dna_deploy.report.theme import WIDE, PlotSize, series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL_INCHES = 2.6


def write_rank_plot(path: Path, scores: Mapping[str, Sequence[float]], networks: Sequence[KnownNetwork]) -> None:
    """Writes a PNG of `rank_plot`."""
    write_atomically(path, png(rank_plot(scores, networks), WIDE))


def rank_plot(scores: Mapping[str, Sequence[float]], networks: Sequence[KnownNetwork]) -> Plot:
    """A panel a score (better to the right); every training of a network is a dot, its mean a ring."""
    metric = networks[0].kind.name
    return Plot("rank-check", f"Ratings and {metric}", f"{metric} over every score", partial(_draw, scores, networks))


def _draw(scores: Mapping[str, Sequence[float]], networks: Sequence[KnownNetwork], figure: Figure, shape: PlotSize) -> None:
    kind = networks[0].kind
    trained = [[kind.factor * value for value in network.accuracies] for network in networks]
    columns = min(3, len(scores))
    rows = -(-len(scores) // columns)
    figure.set_figheight(_PANEL_INCHES * rows)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    colour, marker = series(0)
    for panel, (name, score) in zip(panels, scores.items(), strict=False):
        dots = [(x, y) for x, trainings in zip(score, trained, strict=True) for y in trainings]
        means = [fmean(trainings) for trainings in trained]
        panel.scatter(*zip(*dots, strict=True), s=6, color=colour, alpha=0.35, linewidths=0)
        panel.scatter(score, means, s=22, facecolors="none", edgecolors=colour, marker=marker)
        panel.set_xlabel(name)
        panel.set_xticks([])
    for panel in panels[:: max(1, columns)]:
        panel.set_ylabel(kind.axis)
    for panel in panels[len(scores) :]:
        panel.set_visible(False)
