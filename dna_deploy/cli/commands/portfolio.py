"""``dna-deploy portfolio``: the fewest models for many devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.views.search import wrapped

if TYPE_CHECKING:
    from dna_deploy.search import Portfolio
    from dna_deploy.search.devices import SharedNetwork


def portfolio(
    latency: Annotated[list[str], typer.Option(help="One budget a device, such as 20ms@jetson.", metavar="BOUND")],
    within: Annotated[str, typer.Option(help="How much of its own optimum's rating a device may lose.")] = "1%",
    size: Annotated[
        list[str] | None, typer.Option(help="Bytes of weights that every model must keep.", metavar="BOUND")
    ] = None,
    space: Annotated[str, typer.Option("--space", "-s", help="The search space.")] = "mbconv",
    table: Annotated[
        list[Path] | None, typer.Option(help="A latency table; default: latency_tables/SPACE.*.json. May be repeated.")
    ] = None,
    ratings: Annotated[Path | None, typer.Option(help="The rating table; default: ratings/SPACE.json.")] = None,
    quantile: Annotated[str, typer.Option(help="The quantile that budgets speak of: p50, p90, p99.")] = "p50",
    confidence: Annotated[str | None, typer.Option(help="Plan with upper bounds at this confidence, such as 95%.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Serve many devices with one network, and with the fewest networks that are nearly as good as one each.

    Example: dna-deploy portfolio --latency 20ms@jetson --latency 35ms@pi --within 1%
    """
    from dna_deploy.cli.commands.search import as_profiled, read_ratings, read_share, read_tables
    from dna_deploy.search import Constraint
    from dna_deploy.search import portfolio as solve
    from dna_deploy.search.constraints import read_quantile
    from dna_deploy.spaces.catalog import find_space

    level, tables = read_quantile(quantile), read_tables(find_space(space), table)
    found_space = as_profiled(find_space(space), tables)
    answer = solve(
        found_space,
        read_ratings(found_space, ratings),
        tables,
        [Constraint.parse("latency", text, level) for text in latency],
        within=read_share(within),
        shared=[Constraint.parse("size", text) for text in size or ()],
        confidence=None if confidence is None else read_share(confidence),
    )
    if json:
        print_json("portfolio", **_as_json(answer))
        return
    print_result(_view(answer))
    note("next: dna-deploy search --latency BOUND@TARGET -o outcome.json for one of them")


def _as_json(answer: Portfolio) -> dict[str, object]:
    return {
        "own": [{"budget": str(one.budget), "network": one.own.model_dump(mode="json")} for one in answer.optima],
        "single": None if answer.single is None else _shared_json(answer.single),
        "fewest": [_shared_json(shared) for shared in answer.fewest],
        "searches": answer.searches,
    }


def _shared_json(shared: SharedNetwork) -> dict[str, object]:
    return {"devices": shared.devices, "loss": shared.loss, "network": shared.network.model_dump(mode="json")}


def _view(answer: Portfolio) -> str:
    own = [(str(one.budget), f"{one.own.rating:.5g}") for one in answer.optima]
    single = "no network keeps all budgets" if answer.single is None else _line(answer.single)
    fewest = [_line(shared) for shared in answer.fewest]
    return "\n\n".join(
        [
            aligned(own, ("device", "own optimum")),
            f"one network for all\n  {single}",
            "\n  ".join([f"fewest networks within the allowed loss: {len(fewest)}", *fewest]),
        ]
    )


def _line(shared: SharedNetwork) -> str:
    devices = ", ".join(shared.devices)
    network = "\n    ".join(wrapped(shared.network.architecture, 76))
    return f"{devices}: rating {shared.network.rating:.5g}, loses {shared.loss:.2%}\n    {network}"
