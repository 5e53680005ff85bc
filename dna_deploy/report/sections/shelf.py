"""Pretrained networks of others: published accuracy over latency on the device, and what the own network stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.records.shelf import Shelf
from dna_deploy.report.content import Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import TimeScale
from dna_deploy.report.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shelf_section(evidence: Evidence) -> Section | None:
    """The newest shelf; None where nobody measured one."""
    shelf = next(iter(evidence.findings.of(Shelf)), None)
    if shelf is None or not shelf.timed:
        return None
    scale, front = TimeScale.of(seconds for _, seconds in shelf.timed), {model.name for model, _ in shelf.front}
    rows = tuple(
        (model.name, str(model.image_size), f"{model.top1:.1%}", scale.bare(seconds), "yes" if model.name in front else "")
        for model, seconds in shelf.timed
    )
    table = Table(
        "Every network that was measured",
        ("network", "images", "published top-1", scale.unit, "on the front"),
        rows,
        frozenset({1, 2, 3}),
    )
    best, seconds = shelf.front[-1]
    words = f"{len(front)} of {len(rows)} networks are on the front; the best, {best.name}, takes {scale.text(seconds)}."
    plot = Plot(
        "shelf",
        f"Published top-1 over latency on {shelf.target.name}",
        words,
        lambda figure, _: _draw(figure, shelf, scale),
        table,
    )
    lead = (
        f"What {shelf.source} offers with weights, timed on {shelf.target.name}; accuracies are as published, on ImageNet, and "
        "were not measured here."
    )
    return Section("shelf", "Networks from the shelf", lead, (plot,))


def _draw(figure: Figure, shelf: Shelf, scale: TimeScale) -> None:
    axes = figure.subplots()
    axes.plot(
        [scale.value(seconds) for _, seconds in shelf.timed], [100 * model.top1 for model, _ in shelf.timed], "o",
        color=LIGHT["muted"], markersize=4,
    )  # fmt: skip
    axes.step(
        [scale.value(seconds) for _, seconds in shelf.front], [100 * model.top1 for model, _ in shelf.front], where="post",
        color=LIGHT["blue"], marker="o", markersize=5,
    )  # fmt: skip
    axes.set_xlabel(f"latency, {scale.unit}")
    axes.set_ylabel("published top-1, %")
