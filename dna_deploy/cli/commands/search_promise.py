"""``dna-deploy search promise``: measures what was found, and searches again until the measurement keeps the budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.choosing import PREFERENCE, Choosing
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import SPACE_AND_QUANTILE, Json, Profiles
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.options.tables import LatencyTables, Ratings
from dna_deploy.cli.prediction import network_line, network_values
from dna_deploy.cli.promise import keep
from dna_deploy.cli.second_stage import refine_outcome
from dna_deploy.cli.views.refinement import refinement_view
from dna_deploy.cli.views.search import search_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.pipeline.promise import KeptPromise

MEASURING = Knobs("Measuring", Knob("profile.steady"))


def search_promise(
    settings: Annotated[Settings, SPACE_AND_QUANTILE, PREFERENCE, MEASURING],
    constraints: Constraints,
    tables: LatencyTables,
    ratings: Ratings,
    choosing: Choosing,
    profiles: Profiles = Path("profiles"),
    output: Annotated[Path, typer.Option("--output", "-o", help="The outcome's file.")] = Path("outcome.json"),
    json: Json = False,
) -> None:
    """Find the best network that keeps a latency budget when it is measured here: exact searches, each corrected by the last.

    Example: dna-deploy search promise --latency 20ms
    """
    space, latency_tables = tables.read_chain(settings.space)
    table = ratings.read(space.name)
    question = choosing.question(space, table, constraints, settings)
    bounds = choosing.bounds(constraints, settings)
    kept = keep(space, question, latency_tables, bounds, profiles, steady=settings.profile.steady)
    outcome, changed = kept.chosen.outcome, ""
    if choosing.refine is not None:
        refined, refinement = refine_outcome(outcome, table, choosing.refine)
        outcome, changed = refined, refinement_view(refinement, outcome)
    outcome.write(output)
    if json:
        predicted = network_values(outcome.best, table, ratings.path(space.name))
        print_json("search promise", outcome=outcome.model_dump(mode="json"), promise=_values(kept), **predicted)
        return
    texts = [search_view(outcome), network_line(outcome.best, table, ratings.path(space.name)), changed]
    print_result("\n\n".join(filter(None, texts)))
    note(f"wrote {output} · next: dna-deploy train {output}")


def _values(kept: KeptPromise) -> dict[str, object]:
    """The rounds for ``--json``."""
    return {
        "rounds": [
            {
                "architecture": attempt.architecture,
                "predicted_s": attempt.predicted.seconds,
                "measured_s": attempt.measured.seconds,
                "standard_error_s": attempt.standard_error.seconds,
                "is_kept": attempt.is_kept,
            }
            for attempt in kept.attempts
        ],
        "asked_s": kept.chosen.budget.seconds,
        "measured_s": kept.chosen.measured.seconds,
        "slack": kept.chosen.slack,
    }
