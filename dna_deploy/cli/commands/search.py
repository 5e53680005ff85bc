"""``dna-deploy search``: the best network within a budget, proven, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.commands import search_promise, search_with
from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.choosing import PREFERENCE, Choosing
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import SPACE_AND_QUANTILE, Json
from dna_deploy.cli.options.groups import spread
from dna_deploy.cli.options.tables import LatencyTables, Ratings
from dna_deploy.cli.quiet import QuietableGroup, refuse_flags_before
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.cli.views.prediction import network_line, network_values
from dna_deploy.cli.views.refinement import refinement_view
from dna_deploy.cli.views.search import search_view
from dna_deploy.pipeline.settings import Settings

app = typer.Typer(cls=QuietableGroup, invoke_without_command=True)
app.command("promise")(spread(search_promise.search_promise))
app.command("with")(spread(search_with.search_with))


@app.callback()
@spread
def search(
    context: typer.Context,
    settings: Annotated[Settings, SPACE_AND_QUANTILE, PREFERENCE],
    constraints: Constraints,
    tables: LatencyTables,
    ratings: Ratings,
    choosing: Choosing,
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="The outcome's file.")] = Path("outcome.json"),
    json: Json = False,
) -> None:
    """Find the best network within all constraints: exact over the whole space, explained block by block.

    Where the errors of the ratings cannot tell it from cheaper networks, the cheapest of these is preferred, and says so.

    Example: dna-deploy search --latency 20ms --space mbconv

    Example: dna-deploy search promise --latency 20ms

    Example: dna-deploy search --latency 20ms --shortlist 64 --refine runs/rate-1a2b3c4d
    """
    if context.invoked_subcommand is not None:
        refuse_flags_before(context, context.invoked_subcommand)
        return
    constraints.read(settings.quantile)  # a bound that says nothing is refused before files are looked for
    space, latency_tables = tables.read_chain(settings.space)
    table = ratings.read(space.name)
    with journey_view() as view:
        found = choosing.finder(space, table, constraints, settings).find(latency_tables, view)
    found.outcome.write(output)
    predicted = (found.outcome.best, table, ratings.path(space.name))
    if json:
        print_json("search", outcome=found.outcome.model_dump(mode="json"), **network_values(*predicted))
        return
    changed = refinement_view(found.refinement, found.by_sum) if found.refinement else ""
    print_result("\n\n".join(filter(None, [search_view(found.outcome), network_line(*predicted), changed])))
    note(f"wrote {output} · next: dna-deploy train {output}")
