"""Where the milliseconds of the answer go: overhead, stem, every layer of every block, head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dna_deploy.errors import TableError
from dna_deploy.report.content import Missing, Piece, Plot, Remark, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import NOTHING, TimeScale, share_text
from dna_deploy.report.shares import OVERHEAD, Share, shares_of
from dna_deploy.report.theme import LIGHT, PlotSize
from dna_deploy.units import Count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Where the milliseconds go"


def milliseconds_section(evidence: Evidence) -> Section:
    """The predicted latency of the answer, taken apart."""
    space, table, answer, calibration = evidence.space, evidence.table, evidence.answer, evidence.calibration
    if table is None or calibration is None:
        missing = Missing("There is no latency table.", f"dna-deploy profile --space {evidence.space_name}")
        return Section("milliseconds", TITLE, "", (missing,))
    if space is None or answer is None:
        return Section("milliseconds", TITLE, "", (Missing("No network was chosen yet.", "dna-deploy search --latency 20ms"),))
    try:
        shares = shares_of(space, table, answer, calibration)
    except TableError as error:
        return Section("milliseconds", TITLE, "", (Missing(f"{error.message}.", error.hint),))
    parts = _parts(shares)
    total = sum(share.seconds for share in shares)
    lead = (
        f"The answer is predicted to take {TimeScale.of([total]).text(total)} ({calibration.quantile}) on "
        f"{table.target.name}. {_largest(parts, total)} Layers are calibrated rows of the latency table; the overhead is what "
        "remains in every network."
    )
    plot = Plot(
        "milliseconds",
        "Predicted time of each part; each piece of a bar is a layer",
        _words(parts, total),
        lambda figure, shape: _draw(figure, shape, parts),
    )
    return Section(
        "milliseconds", TITLE, lead, (plot, *_negative(shares), _part_table(parts, total), _layer_table(shares, total))
    )


def _parts(shares: Sequence[Share]) -> dict[str, list[Share]]:
    parts: dict[str, list[Share]] = {}
    for share in shares:
        parts.setdefault(share.part, []).append(share)
    return parts


def _sum(shares: Sequence[Share]) -> float:
    return sum(share.seconds for share in shares)


def _largest(parts: dict[str, list[Share]], total: float) -> str:
    name = max(parts, key=lambda name: _sum(parts[name]))
    shown = f"the {name}" if name in ("stem", "head", OVERHEAD) else name
    return f"The largest part is {shown} with {share_text(_sum(parts[name]) / total, 0)}."


def _negative(shares: Sequence[Share]) -> tuple[Piece, ...]:
    if shares[0].seconds >= 0:
        return ()
    return (
        Remark(
            "The overhead is negative: in a whole network layers take less than alone, and the calibration takes that off. "
            "No layer can be blamed for it.",
        ),
    )


def _words(parts: dict[str, list[Share]], total: float) -> str:
    scale = TimeScale.of([_sum(shares) for shares in parts.values()])
    return (
        "; ".join(f"{name} {scale.text(_sum(shares))}, {share_text(_sum(shares) / total)}" for name, shares in parts.items())
        + f"; together {scale.text(total)}."
    )


def _draw(figure: Figure, shape: PlotSize, parts: dict[str, list[Share]]) -> None:
    figure.set_size_inches(figure.get_figwidth(), (58 + 34 * len(parts)) / 72)
    axes = figure.subplots()
    scale = TimeScale.of([_sum(shares) for shares in parts.values()])
    largest = max(_sum(shares) for shares in parts.values())
    for at, shares in enumerate(parts.values()):
        left = 0.0
        for number, share in enumerate(shares):
            width = scale.value(share.seconds)
            colour = LIGHT["muted"] if share.layer is None else LIGHT["blue"]
            axes.barh(at, width, left=left, height=0.62, color=colour, alpha=1.0 if number % 2 == 0 else 0.72)
            left += width
        axes.annotate(
            scale.bare(_sum(shares)), (max(left, 0.0), at), xytext=(6, 0), textcoords="offset points", va="center", fontsize=11
        )
    axes.set_yticks(range(len(parts)), list(parts))
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(
        min(0.0, scale.value(min(map(_sum, parts.values())))) * 1.05, scale.value(largest) * (1.22 if shape.is_narrow else 1.1)
    )
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"predicted time ({scale.unit})")


def _part_table(parts: dict[str, list[Share]], total: float) -> Table:
    scale = TimeScale.of([total])
    rows = tuple(
        (name, scale.bare(_sum(shares)), share_text(_sum(shares) / total), _parameters(shares))
        for name, shares in parts.items()
    )
    whole = (
        "together",
        scale.bare(total),
        share_text(1.0),
        _parameters([share for shares in parts.values() for share in shares]),
    )
    headers = ("part", f"time ({scale.unit})", "share", "parameters")
    return Table("Parts of the network", headers, (*rows, whole), frozenset({1, 2, 3}))


def _layer_table(shares: Sequence[Share], total: float) -> Table:
    scale = TimeScale.of([share.seconds for share in shares])
    rows = tuple(
        (share.part, str(share.layer), scale.bare(share.seconds), scale.bare(share.standard_error_s),
         share_text(share.seconds / total), str(Count(share.layer.macs)))
        for share in shares
        if share.layer is not None
    )  # fmt: skip
    headers = ("part", "layer", f"time ({scale.unit})", "± standard error", "share", "MACs")
    return Table("Every layer", headers, rows, frozenset({2, 3, 4, 5}), is_folded=True)


def _parameters(shares: Sequence[Share]) -> str:
    count = sum(share.layer.parameters for share in shares if share.layer is not None)
    return str(Count(count)) if count else NOTHING
