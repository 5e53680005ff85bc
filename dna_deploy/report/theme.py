"""How everything in a report looks: colours by role, in light and dark, and the two shapes that every plot is drawn in.

Plots are drawn in the light colours; in the page every colour becomes its CSS variable, so that it follows the reader's
theme. The four series colours keep apart for the common kinds of colour blindness, and no plot tells by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

LIGHT = {
    "ink": "#1b2430",
    "muted": "#566273",
    "grid": "#dde3ea",
    "paper": "#ffffff",
    "blue": "#0b5fa5",
    "orange": "#c04e00",
    "green": "#08785a",
    "purple": "#7d3fa6",
}
DARK = {
    "ink": "#e7ebf1",
    "muted": "#a3afbf",
    "grid": "#313b48",
    "paper": "#181e26",
    "blue": "#74b8f7",
    "orange": "#ffa35f",
    "green": "#52d3a8",
    "purple": "#cfa5f3",
}
SERIES = (("blue", "o"), ("orange", "s"), ("green", "^"), ("purple", "D"))
"""Colour and marker of the first, second, ... kind of thing in a plot."""


def series(index: int) -> tuple[str, str]:
    """The light colour and the marker of a series; a fifth one begins again."""
    name, marker = SERIES[index % len(SERIES)]
    return LIGHT[name], marker


@dataclass(frozen=True)
class PlotSize:
    """The room a plot has: width in CSS pixels. A point of the plot is a pixel of the page."""

    name: str
    width: int

    @property
    def is_narrow(self) -> bool:
        return self.width < 600


WIDE, NARROW = PlotSize("wide", 860), PlotSize("narrow", 330)
SHAPES = (WIDE, NARROW)

RC: dict[RcKeyType, Any] = {
    "font.size": 12.0,
    "font.family": "DejaVu Sans",  # comes with matplotlib: a plot looks the same on every machine
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.labelsize": 12.0,
    "axes.labelcolor": LIGHT["muted"],
    "axes.edgecolor": LIGHT["muted"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 1.0,
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 11.0,
    "figure.facecolor": LIGHT["paper"],
    "savefig.facecolor": LIGHT["paper"],
    "svg.fonttype": "none",
}
"""What matplotlib is told."""


def css_variables(colours: dict[str, str]) -> str:
    """Colours as CSS declarations."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
