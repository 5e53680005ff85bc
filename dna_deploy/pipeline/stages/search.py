"""Finds the best network within the constraints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.pace import WHOLE_NETWORKS, seconds_for
from dna_deploy.pipeline.published import published_digest
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.pipeline.stages.rate import Rate
from dna_deploy.progress import OnProgress
from dna_deploy.records.latency_table import LatencyTable, Quantile
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from dna_deploy.pipeline.finder import Finder
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.search import Constraint
    from dna_deploy.spaces.chain import HeadedSpace

ROUND_S = 30
"""What an exact search takes at most, about; or what it takes to measure the network that it found."""


class Goal(Protocol):
    """What a network has to keep."""

    def inputs(self) -> Inputs:
        """What it depends on."""

    def constraints(self, space: HeadedSpace, ratings: RatingTable) -> tuple[Constraint, ...]:
        """As the search takes them."""

    def find(self, finder: Finder, on_progress: OnProgress) -> SearchOutcome:
        """The best network within them."""


@dataclass(frozen=True)
class Bounds:
    """Bounds that tables predict to be kept."""

    bounds: tuple[Constraint, ...]
    tables: tuple[LatencyTable, ...]
    confidence: float | None = None

    def inputs(self) -> Inputs:
        tables = " ".join(table.digest for table in self.tables)
        confidence = {} if self.confidence is None else {"confidence": str(self.confidence)}
        return {"constraints": " ".join(map(str, self.bounds)), "latency tables": tables, **confidence}

    def constraints(self, space: HeadedSpace, ratings: RatingTable) -> tuple[Constraint, ...]:
        return self.bounds

    def find(self, finder: Finder, on_progress: OnProgress) -> SearchOutcome:
        return replace(finder, confidence=self.confidence).find(self.tables, on_progress).outcome


@dataclass(frozen=True)
class LatencyPromise:
    """A latency on one target, or a share of the way along its front; measured here, if it is to be ``kept``."""

    latency: str
    quantile: Quantile
    table_file: Path
    kept: bool
    plan: SamplingPlan

    def inputs(self) -> Inputs:
        return {
            "latency table": published_digest(self.table_file),
            "latency": f"{self.latency} {self.quantile}",
            "keep promise": str(self.kept),
        }

    def check(self, space: HeadedSpace) -> None:
        """Raises `InfeasibleError` where no network can keep it, before anything is trained for it."""
        from dna_deploy.pipeline.budget import read_budget
        from dna_deploy.search.solver.infeasible import check_feasible

        table, budget = LatencyTable.read(self.table_file), read_budget(self.latency)
        if isinstance(budget, Duration):
            check_feasible(space, [table], self._at_most(table, budget))

    def constraints(self, space: HeadedSpace, ratings: RatingTable) -> tuple[Constraint, ...]:
        from dna_deploy.pipeline.budget import read_budget
        from dna_deploy.pipeline.finder import budget_at

        table, budget = LatencyTable.read(self.table_file), read_budget(self.latency)
        if not isinstance(budget, Duration):
            budget = budget_at(budget, space, ratings, table, self.quantile)
        return self._at_most(table, budget)

    def _at_most(self, table: LatencyTable, budget: Duration) -> tuple[Constraint, ...]:
        from dna_deploy.search import Constraint, Latency

        return (Constraint(Latency(table.target.name, self.quantile), at_most=budget.seconds),)

    def find(self, finder: Finder, on_progress: OnProgress) -> SearchOutcome:
        """The best network that keeps it. Raises `PromiseError` if it is to be kept, and none did."""
        tables = [LatencyTable.read(self.table_file)]
        if self.kept:
            return finder.keep(tables, self.plan, on_progress).chosen.outcome
        return finder.find(tables, on_progress).outcome


@dataclass(frozen=True)
class Search:
    """The search outcome: best by block ratings, and of a ``shortlist`` of these the best as a whole network.

    ``rate`` is the stage that made the ratings; what it trained in the run folder compares whole networks.
    """

    images: ProjectImages
    rate: Rate
    goal: Goal
    shortlist: int
    prefer_cheaper: bool
    run_folder: Path
    outcome_file: Path
    name: str = "search"
    summary: str = "find the best network within the budget"

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.outcome_file,)

    @property
    def compared(self) -> int:
        """How many networks are compared as a whole; 1 where block ratings decide alone, as they do without a teacher."""
        return self.shortlist if self.rate.teacher_file else 1

    @property
    def estimate_s(self) -> float:
        images = getattr(self.rate.config, "supernet_sets", 1) * (self.images.config.rating_images or 2_000)
        compared = self.compared if self.compared > 1 else 0
        rounds = 2 if getattr(self.goal, "kept", False) else 1  # a promise is found broken once, about
        return rounds * (ROUND_S + seconds_for(compared * images, WHOLE_NETWORKS, self.images.space))

    def inputs(self) -> Inputs:
        return {
            **self.goal.inputs(),
            "ratings": published_digest(self.rate.table_file),
            "prefer cheaper": str(self.prefer_cheaper),
            "shortlist": str(self.compared),
        }

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.pipeline.finder import Finder

        space, ratings = self.images.fitting_space, RatingTable.read(self.rate.table_file)
        second = self.rate.second_stage(self.run_folder, ratings, on_progress) if self.compared > 1 else None
        finder = Finder(
            space, ratings, self.goal.constraints(space, ratings),
            top=self.shortlist if second else 1, prefer_cheaper=self.prefer_cheaper, second=second,
        )  # fmt: skip
        self.goal.find(finder, on_progress).write(self.outcome_file)
