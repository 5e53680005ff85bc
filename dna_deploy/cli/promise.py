"""``dna-deploy search promise``: measures what was found, and searches again until the measurement keeps the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.cli.console import note
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.errors import UsageError

if TYPE_CHECKING:
    from dna_deploy.pipeline.promise import Attempt, KeptPromise, Measure
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.records.samples import Quantile
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.search import Constraint
    from dna_deploy.spaces.architecture import Architecture
    from dna_deploy.spaces.chain import ChainSpace
    from dna_deploy.targets.plan import SamplingPlan

RunSearch = Callable[[Sequence["LatencyTable"]], "SearchOutcome"]


def keep(
    space: ChainSpace,
    run: RunSearch,
    tables: Sequence[LatencyTable],
    constraints: Sequence[Constraint],
    profiles: Path,
    *,
    steady: bool = False,
) -> KeptPromise:
    """Runs the promise loop for the one latency budget among the constraints, and tells every round."""
    from dna_deploy.pipeline.promise import keep_promise
    from dna_deploy.units import Duration

    seconds, quantile, table = _budget(constraints, tables)
    others = [one for one in tables if one is not table]
    note(f"measuring on {table.target.name!r}, untrained: latency does not depend on weights")

    def tell(attempt: Attempt) -> None:
        note(
            f"asked {attempt.budget} · predicted {attempt.predicted} · measured {attempt.measured} ± {attempt.standard_error}"
            f" · {attempt.verdict} · {attempt.architecture}"
        )

    return keep_promise(
        space,
        lambda recalibrated: run([recalibrated, *others]),
        table,
        Duration(seconds),
        quantile,
        _measure(space, table, quantile, _plan(table.target.name, profiles, steady=steady)),
        on_attempt=tell,
    )


def _plan(target: str, profiles: Path, *, steady: bool) -> SamplingPlan:
    """How the target's file says to sample, or as usual where it is not known here."""
    from dna_deploy.targets.plan import SamplingPlan
    from dna_deploy.targets.target_file import find_target, target_names

    plan = find_target(target, profiles).plan if target in target_names(profiles) else SamplingPlan()
    return plan.model_copy(update={"steady": True}) if steady else plan


def _measure(space: ChainSpace, table: LatencyTable, quantile: Quantile, plan: SamplingPlan) -> Measure:
    """`measure_untrained` with a view of its progress."""
    from dna_deploy.pipeline.promise import measure_untrained
    from dna_deploy.records.measurement import Measurement

    def measure(architecture: Architecture) -> Measurement:
        with journey_view() as view:
            return measure_untrained(space, table.target, plan, quantile, view)(architecture)

    return measure


def _budget(constraints: Sequence[Constraint], tables: Sequence[LatencyTable]) -> tuple[float, Quantile, LatencyTable]:
    """The one bound that can be kept by measuring here: seconds, quantile, and the table it is predicted with."""
    from dna_deploy.search import Latency

    asked = [
        (constraint.at_most, constraint.quantity)
        for constraint in constraints
        if isinstance(constraint.quantity, Latency) and constraint.at_most is not None
    ]
    if len(asked) != 1:
        raise UsageError(f"a promise is one latency budget, not {len(asked)}", "ask for one with: --latency 20ms")
    seconds, quantity = asked[0]
    found = [table for table in tables if quantity.target in (None, table.target.name)]
    if len(found) != 1:
        known = ", ".join(table.target.name for table in tables) or "none"
        raise UsageError(f"a promise needs one latency table, not {len(found)}", f"name its target; tables: {known}")
    return seconds, quantity.quantile, found[0]
