"""Finds networks: within all constraints by the tables, best as whole networks, kept by measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dna_deploy.errors import UsageError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.latency_table import LatencyTable, Quantile
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, Latency, Quantity, search
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from dna_deploy.pipeline.promise import KeptPromise, OnAttempt
    from dna_deploy.rating.rater import SecondStage
    from dna_deploy.records.refinement import Refinement

BUDGET_DIGITS = 3


class PromisedBudget(NamedTuple):
    """A latency that a network has to keep, and the table that predicts it."""

    budget: Duration
    quantile: Quantile
    table: LatencyTable


@dataclass(frozen=True)
class Answer:
    """What search answered, and what its second stage made of it, if it has one."""

    by_sum: SearchOutcome
    refinement: Refinement | None = None

    @property
    def outcome(self) -> SearchOutcome:
        """The answer, with its shortlist in the order of whole networks."""
        return self.refinement.reorder(self.by_sum) if self.refinement else self.by_sum


@dataclass(frozen=True)
class Finder:
    """What the answer depends on, besides latencies. Without a ``second`` stage block ratings decide alone.

    ``top`` networks are listed, and compared by the second stage; the other fields are as in `dna_deploy.search.search`.
    """

    space: HeadedSpace
    ratings: RatingTable
    constraints: tuple[Constraint, ...]
    objective: Quantity | None = None
    top: int = 1
    differences: int = 0
    confidence: float | None = None
    prefer_cheaper: bool = True
    second: SecondStage | None = None

    def find(self, tables: Sequence[LatencyTable], on_progress: OnProgress = silent) -> Answer:
        """The best network that the tables predict to be within the constraints, and the next best.

        Raises:
            InfeasibleError: there is none.
        """
        outcome = search(
            self.space, self.ratings, tables, self.constraints, objective=self.objective, top=self.top,
            differences=self.differences, confidence=self.confidence, prefer_cheaper=self.prefer_cheaper,
        )  # fmt: skip
        if self.second is None:
            return Answer(outcome)
        networks = [self.space.parse(line) for line in outcome.shortlist]
        return Answer(outcome, self.second.refine(networks, on_progress))

    def keep(
        self,
        tables: Sequence[LatencyTable],
        plan: SamplingPlan,
        on_progress: OnProgress = silent,
        on_attempt: OnAttempt | None = None,
    ) -> KeptPromise:
        """The best network that was measured on this machine to keep the one latency budget among the constraints.

        Raises:
            UsageError: there is not one budget, or not one table for it.
            PromiseError: no network kept it.
            InfeasibleError: none is predicted to.
        """
        from dna_deploy.pipeline.promise import keep_promise, measure_untrained

        budget, quantile, table = self.promise(tables)
        others = [other for other in tables if other is not table]
        return keep_promise(
            self.space,
            lambda recalibrated: self.find([recalibrated, *others], on_progress).outcome,
            table,
            budget,
            quantile,
            measure_untrained(self.space, table, plan, quantile, on_progress),
            on_attempt=on_attempt,
        )

    def promise(self, tables: Sequence[LatencyTable]) -> PromisedBudget:
        """The one bound that can be kept by measuring here: budget, quantile, and the table it is predicted with.

        Raises:
            UsageError: there are several, or none.
        """
        bounds = [
            (constraint.at_most, constraint.quantity)
            for constraint in self.constraints
            if isinstance(constraint.quantity, Latency) and constraint.at_most is not None
        ]
        if len(bounds) != 1:
            raise UsageError(f"a promise is one latency budget, not {len(bounds)}", "ask for one with: --latency 20ms")
        seconds, quantity = bounds[0]
        of_target = [table for table in tables if quantity.target in (None, table.target.name)]
        if len(of_target) != 1:
            names = ", ".join(table.target.name for table in tables) or "none"
            raise UsageError(f"a promise needs one latency table, not {len(of_target)}", f"name its target; tables: {names}")
        return PromisedBudget(Duration(seconds), quantity.quantile, of_target[0])


def budget_at(share: float, space: HeadedSpace, ratings: RatingTable, table: LatencyTable, quantile: Quantile) -> Duration:
    """The latency at a share of the way along the front, from the fastest network to the best-rated one."""
    front = search(space, ratings, [table], objective=Latency(table.target.name, quantile)).front.points
    fastest, best = front[0].costs[0], front[-1].costs[0]
    return Duration(float(f"{fastest + share * (best - fastest):.{BUDGET_DIGITS}g}"))
