"""``dna-deploy portfolio``: the fewest models for many devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.constraints import Constraints, read_share
from dna_deploy.cli.options.general import SPACE_AND_QUANTILE, Json
from dna_deploy.cli.options.tables import LatencyTables, Ratings
from dna_deploy.cli.views.search import wrapped
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.search import Portfolio
    from dna_deploy.search.devices import SharedNetwork


def portfolio(
    settings: Annotated[Settings, SPACE_AND_QUANTILE],
    constraints: Constraints,
    tables: LatencyTables,
    ratings: Ratings,
    within: Annotated[str, typer.Option(help="How much of its own optimum's rating a device may lose.")] = "1%",
    json: Json = False,
) -> None:
    """Serve many devices with one network, and with the fewest networks that are nearly as good as one each.

    Every --latency is the budget of one device, such as 20ms@jetson; other constraints hold for every model.

    Example: dna-deploy portfolio --latency 20ms@jetson --latency 35ms@pi --within 1%
    """
    from dna_deploy.search import Latency
    from dna_deploy.search import portfolio as solve

    space, latency_tables = tables.read_chain(settings.space)
    bounds = constraints.read(settings.quantile)
    answer = solve(
        space,
        ratings.read(space.name),
        latency_tables,
        [bound for bound in bounds if isinstance(bound.quantity, Latency)],
        within=read_share(within),
        shared=[bound for bound in bounds if not isinstance(bound.quantity, Latency)],
        confidence=constraints.confidence_level,
    )
    if json:
        print_json("portfolio", **_as_json(answer))
        return
    print_result(_view(answer))
    note("next: dna-deploy search --latency BOUND@TARGET -o outcome.json for one of them")


def _as_json(answer: Portfolio) -> dict[str, object]:
    return {
        "own": [{"budget": str(optimum.budget), "network": optimum.own.model_dump(mode="json")} for optimum in answer.optima],
        "single": None if answer.single is None else _shared_json(answer.single),
        "fewest": [_shared_json(shared) for shared in answer.fewest],
        "searches": answer.searches,
    }


def _shared_json(shared: SharedNetwork) -> dict[str, object]:
    return {"devices": shared.devices, "loss": shared.loss, "network": shared.network.model_dump(mode="json")}


def _view(answer: Portfolio) -> str:
    own = [(str(optimum.budget), f"{optimum.own.rating:.5g}") for optimum in answer.optima]
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
