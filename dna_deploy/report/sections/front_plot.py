"""Draws the front: rating or accuracy over latency, and below it in which networks each block flips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dna_deploy.report.numbers import TimeScale
from dna_deploy.report.render import role
from dna_deploy.report.reported_front import ReportedFront
from dna_deploy.report.theme import LIGHT, PlotSize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_DOTS = 160


def time_scale(front: ReportedFront) -> TimeScale:
    """How all latencies of the front are written."""
    return TimeScale.of(point.latency_s for point in front.points)


def start_of(front: ReportedFront) -> int:
    """The point that the slider starts at: the answer, or the best within the budget, or the fastest."""
    bound = front.answer.latency_s if front.answer else front.budget_s
    within = [index for index, point in enumerate(front.points) if bound is not None and point.latency_s <= bound * (1 + 1e-9)]
    return within[-1] if within else 0


def draw_front(figure: Figure, shape: PlotSize, front: ReportedFront) -> None:
    """The staircase above, a strip of flips below, and the cursor that the page's script moves through both."""
    blocks = len(front.space.block_numbers)
    strip = 26 + 17 * blocks
    above = 300 if shape.is_narrow else 360
    figure.set_size_inches(figure.get_figwidth(), (above + strip) / 72)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [above, strip]})
    _draw_staircase(upper, front)
    _draw_flips(lower, front)


def _draw_staircase(axes: Axes, front: ReportedFront) -> None:
    scale = time_scale(front)
    times = [scale.value(point.latency_s) for point in front.points]
    ratings = [front.merit.shown(point.rating) for point in front.points]
    axes.step(times, ratings, where="post", color=LIGHT["blue"])
    if len(times) <= _MOST_DOTS:
        axes.plot(times, ratings, "o", color=LIGHT["blue"], markersize=3.5)
    axes.set_ylabel(front.merit.axis)
    low, high = min(times), max(times)
    margin = 0.03 * (high - low or 1)
    axes.set_xlim(low - margin, high + margin)
    if front.budget_s is not None and low <= scale.value(front.budget_s) <= high:
        budget = scale.value(front.budget_s)
        axes.axvline(budget, color=LIGHT["muted"], linewidth=1.2, linestyle=(0, (5, 4)))
        _label(axes, budget, f"asked {scale.text(front.budget_s)}", 0.97)
    for network, name, marker in ((front.largest, "most MACs that fit", "s"), (front.answer, "chosen", "D")):
        if network is not None and low <= scale.value(network.latency_s) <= high:
            _mark(axes, scale.value(network.latency_s), front.merit.shown(network.rating), name, marker)
    start = front.points[start_of(front)]
    axes.axvline(scale.value(start.latency_s), color=LIGHT["orange"], linewidth=1.5, gid=role("cursor-line"), clip_on=False)
    axes.plot(
        [scale.value(start.latency_s)], [front.merit.shown(start.rating)], "o", color=LIGHT["orange"], markersize=9,
        gid=role("cursor-dot"), clip_on=False, zorder=5,
    )  # fmt: skip


def _mark(axes: Axes, x: float, y: float, name: str, marker: str) -> None:
    axes.plot([x], [y], marker, color=LIGHT["ink"], markerfacecolor="none", markersize=10, markeredgewidth=1.5, zorder=4)
    axes.annotate(name, (x, y), xytext=(9, 9), textcoords="offset points", color=LIGHT["ink"], fontsize=11)


def _label(axes: Axes, x: float, text: str, height: float) -> None:
    axes.annotate(
        text, (x, height), xycoords=("data", "axes fraction"), xytext=(5, 0), textcoords="offset points", va="top",
        color=LIGHT["muted"], fontsize=11,
    )  # fmt: skip


def _draw_flips(axes: Axes, front: ReportedFront) -> None:
    scale, blocks = time_scale(front), len(front.space.block_numbers)
    for block in range(blocks):
        times = [scale.value(front.points[at].latency_s) for at in range(len(front.points)) if block in front.flips(at)]
        # One broken line instead of many short ones: the page has one path a block.
        ticks = [(time, height) for time in times for height in (block - 0.36, block + 0.36, math.nan)]
        axes.plot([time for time, _ in ticks], [height for _, height in ticks], color=LIGHT["purple"], linewidth=1.4)
    start = scale.value(front.points[start_of(front)].latency_s)
    axes.axvline(start, color=LIGHT["orange"], linewidth=1.5, gid=role("cursor-line"), clip_on=False)
    axes.set_ylim(blocks - 0.5, -0.5)
    axes.set_yticks(range(blocks), [f"block {block + 1}" for block in range(blocks)])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_title("where blocks flip", color=LIGHT["muted"], fontweight="normal", fontsize=11)
    axes.set_xlabel(f"{front.axis}, {scale.unit}")
