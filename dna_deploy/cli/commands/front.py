"""``dna-deploy front``: the whole trade-off between the rating and one or more costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import SPACE_AND_QUANTILE, Json
from dna_deploy.cli.options.tables import LatencyTables, Ratings
from dna_deploy.cli.views.prediction import prediction_values
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.records.score import ScoreKind
    from dna_deploy.search.front import TradeOff
    from dna_deploy.spaces.chain import HeadedSpace


def front(
    axes: Annotated[
        list[str],
        typer.Argument(help="Costs to trade: latency, latency@TARGET:p90, macs, parameters, size, memory.", metavar="COST..."),
    ],
    settings: Annotated[Settings, SPACE_AND_QUANTILE],
    constraints: Constraints,
    tables: LatencyTables,
    ratings: Ratings,
    rows: Annotated[int, typer.Option(min=2, help="How many networks to print; --json has all.")] = 20,
    json: Json = False,
) -> None:
    """List every network that no other beats in rating and all costs at once.

    Complete, and says so; where that is too much for the memory, thinned by a factor that it names.

    Example: dna-deploy front latency --space mbconv

    Example: dna-deploy front latency@jetson latency@pi --size 12MiB
    """
    from dna_deploy.search import pareto_front
    from dna_deploy.search.constraints import read_quantity

    space, latency_tables = tables.read_chain(settings.space)
    rating_table = ratings.read(space.name)
    trade_off = pareto_front(
        space,
        rating_table,
        latency_tables,
        [read_quantity(axis, settings.quantile) for axis in axes],
        constraints.read(settings.quantile),
        confidence=constraints.confidence_level,
    )
    if json:
        print_json("front", **_as_json(trade_off, rating_table.score))
        return
    print_result(_view(trade_off, space, rows, rating_table.score))
    note("next: dna-deploy search --latency BOUND -o outcome.json for one of them; --json has their architectures")


def _as_json(front: TradeOff, kind: ScoreKind) -> dict[str, object]:
    points = zip(front.architectures, front.ratings.tolist(), front.costs.T.tolist(), strict=True)
    return {
        "axes": [str(axis) for axis in front.axes],
        "epsilon": front.epsilon,
        "points": [
            {"architecture": str(line), "rating": rating, "costs": costs} | prediction_values(rating, kind)
            for line, rating, costs in points
        ],
    }


def _view(front: TradeOff, space: HeadedSpace, most: int, kind: ScoreKind) -> str:
    """Networks evenly spread over the front, the cheapest and the best-rated among them, and how complete it is."""
    count = len(front.ratings)
    shown = sorted({round(row * (count - 1) / (most - 1)) for row in range(most)})
    rated = [kind.text(kind.of_rating(rating)) for rating in front.ratings.tolist()]
    rows = [(*(axis.format(costs[at]) for axis, costs in zip(front.axes, front.costs, strict=True)), rated[at]) for at in shown]
    table = aligned(rows, (*map(str, front.axes), kind.name))
    some = f", {len(shown)} shown" if len(shown) < count else ""
    return f"{table}\n\n{count:,} networks{some}, of {space.size():.3g} in the space: {_completeness(front)}"


def _completeness(front: TradeOff) -> str:
    if not front.epsilon:
        return "exact, none is missing"
    return f"thinned;\nany network has one here that rates no worse and costs at most {front.epsilon:.2g} of its costs more"
