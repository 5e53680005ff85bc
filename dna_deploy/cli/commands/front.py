"""``dna-deploy front``: the whole trade-off between the rating and one or more costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.prediction import prediction_values

if TYPE_CHECKING:
    from dna_deploy.records.score import ScoreKind
    from dna_deploy.search.front import TradeOff
    from dna_deploy.spaces.space import SearchSpace


def front(
    axes: Annotated[
        list[str],
        typer.Argument(help="Costs to trade: latency, latency@TARGET:p90, macs, parameters, size, memory.", metavar="COST..."),
    ],
    *,
    latency: Annotated[list[str] | None, typer.Option(help="Keep to a latency, as in search.", metavar="BOUND")] = None,
    parameters: Annotated[list[str] | None, typer.Option(help="Keep to so many parameters.", metavar="BOUND")] = None,
    macs: Annotated[list[str] | None, typer.Option(help="Keep to so many multiply-accumulates.", metavar="BOUND")] = None,
    size: Annotated[list[str] | None, typer.Option(help="Keep to so many bytes of weights.", metavar="BOUND")] = None,
    memory: Annotated[list[str] | None, typer.Option(help="Keep to so many bytes of activations.", metavar="BOUND")] = None,
    space: Annotated[str, typer.Option(help="The search space.")] = "fashion",
    table: Annotated[
        list[Path] | None, typer.Option(help="A latency table; default: latency_tables/SPACE.*.json. May be repeated.")
    ] = None,
    ratings: Annotated[Path | None, typer.Option(help="The rating table; default: ratings/SPACE.json.")] = None,
    quantile: Annotated[str, typer.Option(help="The quantile that latencies speak of: p50, p90, p99.")] = "p50",
    confidence: Annotated[str | None, typer.Option(help="Upper bounds of latencies at this confidence, such as 95%.")] = None,
    rows: Annotated[int, typer.Option(min=2, help="How many networks to print; --json has all.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List every network that no other beats in rating and all costs at once.

    Complete, and says so; where that is too much for the memory, thinned by a factor that it names.

    Example: dna-deploy front latency --space mbconv

    Example: dna-deploy front latency@jetson latency@pi --size 12MiB
    """
    from dna_deploy.cli.commands.search import as_profiled, read_constraints, read_ratings, read_share, read_tables
    from dna_deploy.search import pareto_front
    from dna_deploy.search.constraints import read_quantile, read_quantity
    from dna_deploy.spaces.catalog import find_space

    level, tables = read_quantile(quantile), read_tables(find_space(space), table)
    found_space = as_profiled(find_space(space), tables)
    asked = {"latency": latency, "parameters": parameters, "macs": macs, "size": size, "memory": memory}
    rating_table = read_ratings(found_space, ratings)
    found = pareto_front(
        found_space,
        rating_table,
        tables,
        [read_quantity(axis, level) for axis in axes],
        read_constraints(asked, level),
        confidence=None if confidence is None else read_share(confidence),
    )
    if json:
        print_json("front", **_as_json(found, rating_table.score))
        return
    print_result(_view(found, found_space, rows, rating_table.score))
    note("next: dna-deploy search --latency BOUND -o outcome.json for one of them; --json has their architectures")


def _as_json(found: TradeOff, kind: ScoreKind) -> dict[str, object]:
    points = zip(found.architectures, found.ratings.tolist(), found.costs.T.tolist(), strict=True)
    return {
        "axes": [str(axis) for axis in found.axes],
        "epsilon": found.epsilon,
        "points": [
            {"architecture": str(line), "rating": rating, "costs": costs} | prediction_values(rating, kind)
            for line, rating, costs in points
        ],
    }


def _view(found: TradeOff, space: SearchSpace, most: int, kind: ScoreKind) -> str:
    """Networks evenly spread over the front, the cheapest and the best-rated among them, and how complete it is."""
    count = len(found.ratings)
    shown = sorted({round(row * (count - 1) / (most - 1)) for row in range(most)})
    rated = [kind.text(kind.of_rating(rating)) for rating in found.ratings.tolist()]
    rows = [(*(axis.format(costs[at]) for axis, costs in zip(found.axes, found.costs, strict=True)), rated[at]) for at in shown]
    table = aligned(rows, (*map(str, found.axes), kind.name))
    some = f", {len(shown)} shown" if len(shown) < count else ""
    return f"{table}\n\n{count:,} networks{some}, of {space.count():.3g} in the space: {_completeness(found)}"


def _completeness(found: TradeOff) -> str:
    if not found.epsilon:
        return "exact, none is missing"
    return f"thinned;\nany network has one here that rates no worse and costs at most {found.epsilon:.2g} of its costs more"
