"""The rating landscape of every block: what each candidate costs, how well it imitates, and which one was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dna_deploy.report.content import Missing, Plot, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.landscape import MOST_DOTS, Candidate, Landscape, landscape_of
from dna_deploy.report.merit import Merit
from dna_deploy.report.numbers import TimeScale
from dna_deploy.report.theme import LIGHT, PlotSize, series
from dna_deploy.units import Count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "The choice in each block"


def landscape_section(evidence: Evidence) -> Section:
    """One panel a block."""
    ratings, space = evidence.ratings, evidence.space
    if ratings is None:
        missing = Missing("There is no rating table.", f"dna-deploy rate --space {evidence.space_name}")
        return Section("landscape", TITLE, "", (missing,))
    if space is None or not ratings.is_of(space):
        return Section(
            "landscape", TITLE, "", (Missing(f"The ratings are of a space that is not known here: {ratings.space}."),)
        )
    landscapes = tuple(landscape_of(evidence, space, ratings, block) for block in space.block_numbers)
    landscapes = tuple(landscape for landscape in landscapes if landscape.candidates)
    cost = f"its predicted time on {evidence.table.target.name}" if evidence.table else "its multiply-accumulates"
    merit = evidence.merit_of(ratings.digest)
    lead = (
        f"Every candidate of every block: {cost}, and {_rating(merit)} by the method {ratings.method!r} on "
        f"{ratings.images:,} images. The line joins the candidates that are worth their cost: none of the same width is both "
        "cheaper and better. The bar at the right is one standard error up and down."
        f"{_sample(landscapes)}"
    )
    plot = Plot(
        "landscape", "Candidates of each block", _words(landscapes, merit),
        lambda figure, shape: _draw(figure, shape, landscapes, merit), _table(landscapes, merit),
    )  # fmt: skip
    return Section("landscape", TITLE, lead, (plot,))


def _rating(merit: Merit) -> str:
    if merit.is_prediction:
        return f"what it adds to the {merit.kind.name}, against the mean candidate of its block,"
    return "its rating (lower is better)"


def _sample(landscapes: tuple[Landscape, ...]) -> str:
    if all(len(landscape.drawn) == len(landscape.candidates) for landscape in landscapes):
        return ""
    return f" Of blocks with more than {MOST_DOTS} candidates only some are drawn: those worth their cost, and a sample."


def _words(landscapes: tuple[Landscape, ...], merit: Merit) -> str:
    sentences = []
    for landscape in landscapes:
        best = min(landscape.candidates, key=lambda candidate: candidate.rating)
        words = (
            f"Block {landscape.block + 1}: {len(landscape.candidates)} candidates, {len(landscape.useful)} worth their cost, "
            f"best {merit.part} {_number(merit, landscape, best)}"
        )
        if landscape.chosen:
            words += f", chosen {landscape.chosen.name} with {_number(merit, landscape, landscape.chosen)}"
        sentences.append(f"{words}.")
    return " ".join(sentences)


def _number(merit: Merit, landscape: Landscape, candidate: Candidate) -> str:
    digits = merit.decimals(each.rating for each in landscape.candidates)
    return merit.part_text(candidate.rating, landscape.mean, digits)


def _draw(figure: Figure, shape: PlotSize, landscapes: tuple[Landscape, ...], merit: Merit) -> None:
    columns = 1 if shape.is_narrow else min(len(landscapes), 3)
    rows = -(-len(landscapes) // columns)
    figure.set_size_inches(figure.get_figwidth(), (290 * rows + 20) / 72)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, (axes, landscape) in enumerate(zip(panels, landscapes, strict=False)):
        _draw_block(axes, landscape, merit)
        if index % columns == 0:
            axes.set_ylabel(merit.part)
    for axes in panels[len(landscapes) :]:
        axes.remove()


def _draw_block(axes: Axes, landscape: Landscape, merit: Merit) -> None:
    scale, mean = TimeScale.of(candidate.cost for candidate in landscape.candidates), landscape.mean
    show = scale.value if landscape.is_timed else lambda macs: macs / 1e6

    def worth(of_cell: Iterable[Candidate]) -> list[float]:
        return [merit.shown_part(candidate.rating, mean) for candidate in of_cell]

    groups = sorted({(candidate.depth, candidate.width) for candidate in landscape.candidates})
    for index, (depth, width) in enumerate(groups):
        of_cell = [each for each in landscape.drawn if (each.depth, each.width) == (depth, width)]
        colour, marker = series(index)
        axes.plot([show(each.cost) for each in of_cell], worth(of_cell), marker, color=colour, markersize=3.6,
                  alpha=0.55, markeredgewidth=0, label=f"{_layers(depth)}, width {width}")  # fmt: skip
    useful = sorted(landscape.useful, key=lambda candidate: candidate.cost)
    for width in sorted({each.width for each in useful}):
        line = [each for each in useful if each.width == width]
        axes.step([show(each.cost) for each in line], worth(line), where="post", color=LIGHT["ink"], linewidth=1.1)
    if landscape.chosen:
        axes.plot([show(landscape.chosen.cost)], worth([landscape.chosen]), "o", color=LIGHT["orange"], markersize=11,
                  markerfacecolor="none", markeredgewidth=2.2, label="chosen")  # fmt: skip
    axes.errorbar(
        [0.96], [0.5], yerr=_fraction(axes, landscape.noise), transform=axes.transAxes, color=LIGHT["muted"], capsize=3
    )
    axes.set_title(f"Block {landscape.block + 1}")
    axes.set_xlabel(f"time ({scale.unit})" if landscape.is_timed else "million MACs")
    axes.legend(
        loc="lower right" if merit.kind.better == "higher" else "upper right",
        handletextpad=0.2,
        borderaxespad=0.1,
        markerscale=1.4,
    )


def _fraction(axes: Axes, rating: float) -> float:
    """A difference of ratings as a share of the axes' height."""
    low, high = axes.get_ylim()
    return rating / (high - low)


def _layers(depth: int) -> str:
    return "1 layer" if depth == 1 else f"{depth} layers"


def _table(landscapes: tuple[Landscape, ...], merit: Merit) -> Table:
    rows = []
    for landscape in landscapes:
        scale = TimeScale.of(candidate.cost for candidate in landscape.candidates)
        digits = merit.decimals(candidate.rating for candidate in landscape.candidates)
        best = min(landscape.candidates, key=lambda candidate: candidate.rating)
        fastest = min(landscape.candidates, key=lambda candidate: candidate.cost)
        for name, each in (("chosen", landscape.chosen), ("best", best), ("cheapest", fastest)):
            if each is not None:
                cost = scale.text(each.cost) if landscape.is_timed else f"{Count(round(each.cost))} MACs"
                rows.append((str(landscape.block + 1), name, each.name, cost, _number(merit, landscape, each),
                             f"{each.standard_error:.{digits}f}"))  # fmt: skip
    headers = ("block", "which", "candidate", "cost", merit.part, "± standard error")
    return Table("Chosen, best and cheapest candidate of each block", headers, tuple(rows), frozenset({0, 3, 4, 5}))
