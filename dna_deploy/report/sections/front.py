"""The exact front of rating, or predicted accuracy, over latency: with a budget slider, and a strip of where blocks flip."""

from __future__ import annotations

from collections.abc import Mapping

from dna_deploy.records.rating_table import RatingTable
from dna_deploy.report.content import Missing, Piece, Plot, Remark, Section, Slider, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import NOTHING, count_text
from dna_deploy.report.reported_front import NetworkPoint, ReportedFront, find_front
from dna_deploy.report.sections.front_plot import draw_front, start_of, time_scale
from dna_deploy.units import Count

TITLE = "What each millisecond buys"
_MOST_ROWS = 250


def front_section(evidence: Evidence) -> Section:
    """The front, or why there is none."""
    front = find_front(evidence)
    if isinstance(front, str):
        missing = Missing(f"The front cannot be drawn: {front}.", "dna-deploy search --latency 20ms -o outcome.json")
        return Section("front", TITLE, "", (missing,))
    title = f"{front.merit.kind.name.capitalize()} over latency on {front.target}"
    plot = Plot("front", title, _words(front), lambda figure, shape: draw_front(figure, shape, front))
    slider = Slider(_data(front, evidence.ratings), plot)
    return Section("front", TITLE, _lead(front), (*_remarks(front), slider, _table(front)))


def _lead(front: ReportedFront) -> str:
    how = "exact: no network of the space is better" if front.epsilon == 0 else f"complete up to {front.epsilon:.2%} of latency"
    return (
        f"Every network that none of the {count_text(front.space.size())} networks of the space {front.space.name} beats "
        f"in {front.merit.kind.name} and in {front.axis} at once. The front is {how}. "
        f"{front.merit.advice} Move the budget to see which network it buys."
    )


def _remarks(front: ReportedFront) -> tuple[Piece, ...]:
    remarks: list[Piece] = []
    if front.is_limited:
        remarks.append(Remark("All networks of this front also meet the other constraints of the search."))
    if front.merit.error_text:
        remarks.append(Remark(f"{front.merit.error_text} The intervals below hold that, and the error of each prediction."))
    return tuple(remarks)


def _words(front: ReportedFront) -> str:
    first, last, scale = front.points[0], front.points[-1], time_scale(front)
    digits = front.merit.decimals(point.rating for point in front.points)

    def told(network: NetworkPoint) -> str:
        return f"{scale.text(network.latency_s)} with {front.merit.kind.name} {front.merit.text(network.rating, digits)}"

    way = "rising" if front.merit.kind.better == "higher" else "falling"
    words = f"A {way} staircase of {len(front.points)} networks, from {told(first)} to {told(last)}."
    if front.answer:
        words += f" The chosen network takes {told(front.answer)}."
    flips = [sum(block in front.flips(index) for index in range(len(front.points))) for block in front.space.block_numbers]
    counts = ", ".join(f"block {block} {count} times" for block, count in enumerate(flips, start=1))
    return f"{words} Along the front, blocks flip: {counts}."


def _data(front: ReportedFront, ratings: RatingTable | None) -> Mapping[str, object]:
    """What the page's script shows, every network as its numbers and the position of each block in ``choices``."""
    scale = time_scale(front)
    choices = [
        sorted({point.parts[block] for point in (*front.points, *_answer(front))}) for block in front.space.block_numbers
    ]

    def positions(network: NetworkPoint) -> list[int]:
        return [choices[block].index(text) for block, text in enumerate(network.parts)]

    return {
        "unit": scale.unit,
        "seconds": scale.seconds,
        "decimals": scale.decimals,
        "merit": {"name": front.merit.kind.name, "unit": front.merit.unit, "gain": front.merit.points},
        "reaches": _reaches(front, ratings),
        "ratingDecimals": front.merit.decimals(point.rating for point in front.points),
        "latency": "predicted" if front.confidence is None else "planned",
        "asked": front.budget_s if _buys_the_answer(front) else None,
        "start": start_of(front),
        "answer": positions(front.answer) if front.answer else None,
        "choices": [[_spaced(text) for text in texts] for texts in choices],
        "points": [
            [point.latency_s, front.merit.shown(point.rating), *_sizes(front, point), *positions(point)]
            for point in front.points
        ],
    }  # fmt: skip


def _reaches(front: ReportedFront, ratings: RatingTable | None) -> list[float] | None:
    """Half of the 95 % interval of every point's accuracy; None where ratings are none, or it is not known."""
    if front.merit.calibration is None:
        return None
    table = ratings if ratings is not None and ratings.digest == front.merit.calibration.calibrated else None
    errors = (table.standard_error(front.space, point.architecture) if table else 0.0 for point in front.points)
    return [round(front.merit.reach(error) or 0.0, 4) for error in errors]


def _buys_the_answer(front: ReportedFront) -> bool:
    """Whether the asked budget buys the answer; not where a cheaper network that ties with the optimum was preferred."""
    start = start_of(front)
    following = front.points[start + 1 : start + 2]
    return front.budget_s is not None and all(point.latency_s > front.budget_s for point in following)


def _answer(front: ReportedFront) -> tuple[NetworkPoint, ...]:
    return (front.answer,) if front.answer else ()


def _sizes(front: ReportedFront, network: NetworkPoint) -> tuple[str, str]:
    layers = front.space.place(network.architecture)
    return str(Count(sum(layer.parameters for layer in layers))), str(Count(sum(layer.macs for layer in layers)))


def _spaced(block: str) -> str:
    """A block with room to break lines."""
    return block.replace(":", ": ").replace(",", " ")


def _table(front: ReportedFront) -> Table:
    scale, digits = time_scale(front), front.merit.decimals(point.rating for point in front.points)
    step = -(-len(front.points) // _MOST_ROWS)
    shown = range(0, len(front.points), step)
    some = "" if step == 1 else f", one in {step} of {len(front.points)}"
    rows = tuple(
        (scale.bare(front.points[at].latency_s), front.merit.text(front.points[at].rating, digits),
         *_sizes(front, front.points[at]),
         ", ".join(str(block + 1) for block in front.flips(at)) or NOTHING, str(front.points[at].architecture))
        for at in shown
    )  # fmt: skip
    headers = (f"latency ({scale.unit})", front.merit.kind.name, "parameters", "MACs", "blocks that flip", "architecture")
    return Table(f"The networks of the front{some}", headers, rows, frozenset({0, 1, 2, 3}), is_folded=True)
