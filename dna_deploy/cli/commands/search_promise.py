"""``dna-deploy search promise``: measures what was found, and searches again until the measurement keeps the budget."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.choosing import PREFERENCE, Choosing
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import MEASURING, SPACE_AND_QUANTILE, Json, Profiles
from dna_deploy.cli.options.tables import LatencyTables, Ratings
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.cli.views.prediction import network_line, network_values
from dna_deploy.cli.views.search import search_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.pipeline.promise import Attempt, KeptPromise
    from dna_deploy.targets.plan import SamplingPlan


def search_promise(
    settings: Annotated[Settings, SPACE_AND_QUANTILE, PREFERENCE, MEASURING],
    constraints: Constraints,
    tables: LatencyTables,
    ratings: Ratings,
    choosing: Choosing,
    profiles: Profiles = Path("profiles"),
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="The outcome's file.")] = Path("outcome.json"),
    json: Json = False,
) -> None:
    """Find the best network that keeps a latency budget when it is measured here: exact searches, each corrected by the last.

    Example: dna-deploy search promise --latency 20ms
    """
    space, latency_tables = tables.read_chain(settings.space)
    table = ratings.read(space.name)
    finder = choosing.finder(space, table, constraints, settings)
    target = finder.promise(latency_tables).table.target
    note(f"measuring on {target.name!r}, untrained: latency does not depend on weights")
    with journey_view() as view:
        promise = finder.keep(latency_tables, _plan(target.name, settings, profiles), view, partial(_tell, target.per))
    outcome = promise.chosen.outcome
    outcome.write(output)
    predicted = (outcome.best, table, ratings.path(space.name))
    if json:
        print_json(
            "search promise", outcome=outcome.model_dump(mode="json"), promise=_values(promise), **network_values(*predicted)
        )
        return
    print_result("\n\n".join(filter(None, [search_view(outcome), network_line(*predicted)])))
    note(f"wrote {output} · next: dna-deploy train {output}")


def _plan(target: str, settings: Settings, profiles: Path) -> SamplingPlan:
    """How the target's file says to sample, or as usual where it is not known here."""
    from dna_deploy.targets.plan import SamplingPlan
    from dna_deploy.targets.target_file import find_target, target_names

    if target in target_names(profiles):
        return settings.profile.applied_to(find_target(target, profiles), settings.quantile).plan
    return SamplingPlan(steady=settings.profile.steady)


def _tell(per: str, attempt: Attempt) -> None:
    note(
        f"asked {attempt.budget} · predicted {attempt.predicted} · measured {attempt.measured} ± {attempt.standard_error}"
        + ("" if attempt.now in (None, attempt.measured) else f" at the table's pace ({attempt.now} now)")
        + f" for {per} · {attempt.verdict} · {attempt.architecture}"
    )


def _values(promise: KeptPromise) -> dict[str, object]:
    """The rounds for ``--json``."""
    return {
        "rounds": [
            {
                "architecture": attempt.architecture,
                "predicted_s": attempt.predicted.seconds,
                "measured_s": attempt.measured.seconds,
                "now_s": (attempt.now or attempt.measured).seconds,
                "standard_error_s": attempt.standard_error.seconds,
                "is_kept": attempt.is_kept,
            }
            for attempt in promise.attempts
        ],
        "asked_s": promise.chosen.budget.seconds,
        "measured_s": promise.chosen.measured.seconds,
        "slack": promise.chosen.slack,
    }
