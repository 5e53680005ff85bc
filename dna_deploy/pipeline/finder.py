"""Finds the network of a journey: within the budget by the table, best as a whole network, kept by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dna_deploy.errors import PromiseError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from dna_deploy.rating.rater import SecondStage

BUDGET_DIGITS = 3


@dataclass(frozen=True)
class Finder:
    """What the answer depends on. Without a ``second`` stage block ratings decide alone."""

    space: ChainSpace
    ratings: RatingTable
    settings: Settings
    second: SecondStage | None
    on_progress: OnProgress

    def budget(self, table: LatencyTable) -> Duration:
        """The budget in time; one that is a share is set on the front between the fastest and the best-rated network."""
        from dna_deploy.search import Latency, search

        budget = self.settings.budget
        if isinstance(budget, Duration):
            return budget
        axis = Latency(table.target.name, self.settings.quantile)
        front = search(self.space, self.ratings, [table], objective=axis).front.points
        fastest, best = front[0].costs[0], front[-1].costs[0]
        return Duration(float(f"{fastest + budget * (best - fastest):.{BUDGET_DIGITS}g}"))

    def best(self, table: LatencyTable, budget: Duration) -> SearchOutcome:
        """The best network that the table predicts to be within the budget, and the next best."""
        from dna_deploy.search import Constraint, Latency, search

        within = Constraint(Latency(table.target.name, self.settings.quantile), at_most=budget.seconds)
        top = self.settings.shortlist if self.second else 1
        outcome = search(self.space, self.ratings, [table], [within], top=top, prefer_cheaper=self.settings.prefer_cheaper)
        return self._refined(outcome, self.second) if self.second else outcome

    def kept(self, table: LatencyTable, budget: Duration, plan: SamplingPlan) -> SearchOutcome | None:
        """The best network that was measured to keep the budget; None if none did, which the card will show."""
        from dna_deploy.pipeline.promise import keep_promise, measure_untrained

        quantile = self.settings.quantile
        measure = measure_untrained(self.space, table.target, plan, quantile, self.on_progress)
        try:
            found = keep_promise(self.space, lambda known: self.best(known, budget), table, budget, quantile, measure)
        except PromiseError as error:
            self.on_progress(Progress("keeping the promise", 1, 1, error.message))
            return None
        return found.chosen.outcome

    def _refined(self, outcome: SearchOutcome, second: SecondStage) -> SearchOutcome:
        """The outcome with its shortlist in the order of whole networks."""
        from dna_deploy.rating.refine import reordered

        networks = [self.space.parse(line) for line in outcome.shortlist]
        return reordered(outcome, second.refine(networks, self.on_progress))
