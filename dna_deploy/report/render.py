"""From a `Plot` to an inline SVG a shape, and to a PNG. The only file that asks matplotlib for a file.

In the page, colours follow the reader's theme, text is real text in the page's font, and ids cannot clash.
"""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dna_deploy.report.content import Plot
from dna_deploy.report.theme import LIGHT, RC, PlotSize

_POINTS_AN_INCH = 72
_PNG_PIXELS_AN_INCH = 2 * _POINTS_AN_INCH
_NOT_OF_THE_PAGE = (
    r'<metadata>.*?</metadata>|<style.*?</style>|<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->| transform="rotate\(-0 [^"]*"'
)
_ROLE = "role:"
"""What marks the artists that the page's script moves: ``artist.set_gid(role("cursor"))``."""


def role(name: str) -> str:
    """The gid of an artist that becomes ``data-role=name`` in the page."""
    return _ROLE + name


def drawn(plot: Plot, shape: PlotSize) -> Figure:
    """The plot as a matplotlib figure, for a notebook or a file."""
    with matplotlib.rc_context({**RC, "svg.hashsalt": f"{plot.name}-{shape.name}"}):
        width = shape.width / _POINTS_AN_INCH
        figure = Figure(figsize=(width, width / 2), dpi=_POINTS_AN_INCH, layout="constrained")
        plot.draw(figure, shape)
    return figure


def png(plot: Plot, shape: PlotSize) -> bytes:
    """The plot as a picture, twice as fine as the page shows it."""
    return _saved(drawn(plot, shape), plot, shape, "png", dpi=_PNG_PIXELS_AN_INCH)


def svg(plot: Plot, shape: PlotSize) -> str:
    """The plot as an element of the page."""
    prefix, figure = f"{plot.name}-{shape.name}", drawn(plot, shape)
    text = _saved(figure, plot, shape, "svg").decode()
    text = re.sub(_NOT_OF_THE_PAGE, "", text, flags=re.DOTALL)
    text = _ids(text, prefix)
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _two_decimals, text)
    text = _one_style_a_group(text)
    for name, colour in LIGHT.items():
        text = text.replace(colour, f"var(--{name})")
    text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)
    text = re.sub(r"font: (?P<size>[^;\"]*?px) [^;\"]*", r"font-size: \g<size>", text)
    start = (
        f'<svg class="{shape.name}" data-shape="{shape.name}" viewBox="{_view_box(text)}" role="img"'
        f' aria-labelledby="{prefix}-title {prefix}-words" {_axes_box(figure.axes[0], figure)}>'
        f'<title id="{prefix}-title">{escape(plot.title)}</title><desc id="{prefix}-words">{escape(plot.description)}</desc>'
    )
    return re.sub(r"<svg\b[^>]*>", lambda _: start, text.strip(), count=1)


def _saved(figure: Figure, plot: Plot, shape: PlotSize, kind: str, dpi: int = _POINTS_AN_INCH) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Title": plot.title, "Software": "dna-deploy"}
    with matplotlib.rc_context({**RC, "svg.hashsalt": f"{plot.name}-{shape.name}"}):
        figure.savefig(buffer, format=kind, dpi=dpi, transparent=kind == "svg", metadata=metadata)
    return buffer.getvalue()


def _ids(text: str, prefix: str) -> str:
    """Keeps the ids that something refers to, short and unique in the page; marks artists with a role; drops the rest."""
    used = re.findall(r'(?:url\(|xlink:href=")#([^)"]+)', text)
    short = {name: f"{prefix}-{number}" for number, name in enumerate(dict.fromkeys(used))}

    def of(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith(_ROLE):
            return f' data-role="{escape(name.removeprefix(_ROLE))}"'
        return f' id="{short[name]}"' if name in short else ""

    text = re.sub(r' id="([^"]*)"', of, text)
    text = re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{short[match[1]]})", text)
    return re.sub(r'xlink:href="#([^"]+)"', lambda match: f'href="#{short[match[1]]}"', text)


def _one_style_a_group(text: str) -> str:
    """Says the style of a row of equal markers once, in their group, which the markers inherit."""

    def of(match: re.Match[str]) -> str:
        group, markers = match[1], match[2]
        styles = set(re.findall(r' style="([^"]*)"', markers))
        if len(styles) != 1 or "style=" in group:
            return match[0]
        (style,) = styles
        return f'{group} style="{style}">' + re.sub(r'\s*(<use[^>]*?) style="[^"]*"', r"\1", markers)

    return re.sub(r"(<g\b[^>]*)>((?:\s*<use [^>]*/>){3,})", of, text)


def _two_decimals(attribute: re.Match[str]) -> str:
    """Places to a hundredth of a pixel: the rest is invisible and half of the file."""
    return re.sub(r"(\.\d{2})\d+", r"\1", attribute[0])


def _view_box(text: str) -> str:
    match = re.search(r'viewBox="([^"]+)"', text)
    assert match is not None, "matplotlib always writes a view box"
    return match[1]


def _axes_box(axes: Axes, figure: Figure) -> str:
    """Where the first axes lie in the view box and which values their edges have: by that the page's script places things."""
    box, (low, high), (bottom, top) = axes.get_position(), axes.get_xlim(), axes.get_ylim()
    width, height = figure.get_size_inches() * _POINTS_AN_INCH
    x = f"{box.x0 * width:.2f} {box.x1 * width:.2f} {low:.9g} {high:.9g}"
    y = f"{(1 - box.y0) * height:.2f} {(1 - box.y1) * height:.2f} {bottom:.9g} {top:.9g}"
    return f'data-x="{x}" data-y="{y}"'
