"""The report as one HTML file that needs no network: content in, text out. Jinja escapes whatever came from records."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dna_deploy import __version__
from dna_deploy.report.content import Plot, Section
from dna_deploy.report.findings import UnusedFile
from dna_deploy.report.overview import Overview
from dna_deploy.report.render import svg
from dna_deploy.report.theme import DARK, LIGHT, SHAPES, css_variables


def page(overview: Overview, sections: tuple[Section, ...], left_out: tuple[UnusedFile, ...], made_at: str) -> str:
    """The whole page."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        overview=overview,
        sections=sections,
        missing=[(section, piece) for section in sections for piece in section.missing],
        left_out=left_out,
        made_at=made_at,
        version=__version__,
        style=Markup(_asset("report.css")),
        script=Markup(_asset("report.js")),
        light=Markup(css_variables(LIGHT)),
        dark=Markup(css_variables(DARK)),
    )


def _pictures(plot: Plot) -> Markup:
    """The plot in every shape; the style shows the one that fits."""
    return Markup("".join(svg(plot, shape) for shape in SHAPES))


def _breakable(text: str) -> Markup:
    """Text whose lines may break between the blocks and layers of an architecture."""
    return Markup("<wbr>").join(re.split(r"(?<=/)|(?<=,)(?=[a-z])", text))


def _data(values: Mapping[str, object]) -> Markup:
    """Values as JSON that cannot end the script element it stands in."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dna_deploy.report", "template"),
        autoescape=select_autoescape(default=True, default_for_string=True, enabled_extensions=("html", "j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(pictures=_pictures, breakable=_breakable, data=_data)
    return environment


def _asset(name: str) -> str:
    return files("dna_deploy.report").joinpath("template", name).read_text()
