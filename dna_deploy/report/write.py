"""Writes a report: one HTML file, and a PNG a plot for slides and issues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import DependencyError
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import write_atomically
from dna_deploy.report.content import Missing, Plot, Section, Slider
from dna_deploy.report.evidence import Evidence, select
from dna_deploy.report.findings import UnusedFile, gather


@dataclass(frozen=True)
class Written:
    """What was written, and what the report could not show."""

    html: Path
    pictures: tuple[Path, ...]
    records: int
    missing: tuple[tuple[str, Missing], ...]
    left_out: tuple[UnusedFile, ...]


def write_report(paths: Sequence[Path], html: Path, pictures: Path | None = None, on_progress: OnProgress = silent) -> Written:
    """Writes the report of the records in some folders and files.

    Args:
        paths: folders, searched for records, and record files.
        html: the page.
        pictures: the folder for PNGs; None writes none.
        on_progress: hears of every file.

    Raises:
        TableError: there is no record in the paths.
        UsageError: a file cannot be written.
        DependencyError: the extra ``report`` is not installed.
    """
    evidence = select(gather(paths))
    sections, text = _made(evidence)
    plots = plots_of(sections) if pictures is not None else ()
    write_atomically(html, text.encode())
    on_progress(Progress("report", 1, 1 + len(plots), html.name))
    drawn = []
    for number, plot in enumerate(plots, start=2):
        assert pictures is not None
        drawn.append(_write_picture(plot, pictures))
        on_progress(Progress("report", number, 1 + len(plots), drawn[-1].name))
    missing = tuple((section.title, piece) for section in sections for piece in section.missing)
    return Written(html, tuple(drawn), len(evidence.findings.found), missing, evidence.findings.left_out)


def sections_of(evidence: Evidence) -> tuple[Section, ...]:
    """Every section of the report, in the order of the page."""
    from dna_deploy.report.sections.accuracy import accuracy_section
    from dna_deploy.report.sections.card import card_section
    from dna_deploy.report.sections.curves import curves_section
    from dna_deploy.report.sections.fitted import fitted_section
    from dna_deploy.report.sections.front import front_section
    from dna_deploy.report.sections.landscape import landscape_section
    from dna_deploy.report.sections.latency_table import table_section
    from dna_deploy.report.sections.milliseconds import milliseconds_section
    from dna_deploy.report.sections.origin import origin_section
    from dna_deploy.report.sections.prediction import prediction_section
    from dna_deploy.report.sections.search import search_section
    from dna_deploy.report.sections.shelf import shelf_section

    makers: tuple[Callable[[Evidence], Section | None], ...] = (
        front_section, search_section, milliseconds_section, prediction_section, accuracy_section, landscape_section,
        curves_section, table_section, card_section,
    )  # fmt: skip
    own = [section for make in (fitted_section, shelf_section) if (section := make(evidence)) is not None]
    if own and not evidence.is_of_a_search:
        makers = (table_section,) if evidence.tables else ()
    return (*own, *(section for make in makers if (section := make(evidence)) is not None), origin_section(evidence))


def plots_of(sections: tuple[Section, ...]) -> tuple[Plot, ...]:
    """Every plot of some sections."""
    pieces = [piece for section in sections for piece in section.pieces]
    plots = [piece.plot if isinstance(piece, Slider) else piece for piece in pieces]
    return tuple(plot for plot in plots if isinstance(plot, Plot))


def _made(evidence: Evidence) -> tuple[tuple[Section, ...], str]:
    try:
        from dna_deploy.report.overview import overview
        from dna_deploy.report.page import page

        sections = sections_of(evidence)
        made_at = max(entry.record.provenance.created_at for entry in evidence.findings.found)
        return sections, page(overview(evidence), sections, evidence.findings.left_out, made_at)
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"a report needs the package {error.name!r}, which is not installed", "pip install 'dna-deploy[report]'"
        ) from error


def _write_picture(plot: Plot, folder: Path) -> Path:
    from dna_deploy.report.render import png
    from dna_deploy.report.theme import WIDE

    path = folder / f"{plot.name}.png"
    write_atomically(path, png(plot, WIDE))
    return path
