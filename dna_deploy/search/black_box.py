"""Search when only whole networks can be rated, such as by the accuracy of a one-shot supernet.

The costs stay exact: every network that is rated meets all constraints, and an impossible budget is found out first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dna_deploy.errors import UsageError
from dna_deploy.executors.executor import Executor, Job, carry_out
from dna_deploy.executors.here import Here
from dna_deploy.plugins import load_plugin
from dna_deploy.progress import OnProgress
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.result_log import ResultLog
from dna_deploy.records.search_outcome import Front, FrontPoint, Proof, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.genome import Genomes
from dna_deploy.search.networks import Networks, SampledNetworks
from dna_deploy.search.outcome import asked
from dna_deploy.search.quantities import Quantity, Rating
from dna_deploy.search.question import first_axis
from dna_deploy.search.solver.infeasible import feasible_model
from dna_deploy.search.solver.pareto import non_dominated
from dna_deploy.search.strategies import STRATEGIES, Strategy, StrategyFactory
from dna_deploy.search.tables import Tables
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace, identity_of, with_usual_head
from dna_deploy.spaces.heads import head_of
from dna_deploy.spaces.space import SearchSpace

RateNetwork = Callable[[Architecture], float]

_IDLE_ROUNDS = 20
"""Rounds without a network that was not rated before, after which the search has seen all it will see."""


def search_black_box(
    space: SearchSpace,
    rate: RateNetwork,
    tables: Iterable[LatencyTable] = (),
    constraints: Iterable[Constraint] = (),
    *,
    evaluations: int = 512,
    strategy: str | None = None,
    seed: int = 0,
    log: Path | None = None,
    name: str = "black-box",
    progress: Callable[[int, float], None] = lambda done, best: None,
    executor: Executor | None = None,
) -> SearchOutcome:
    """The best network that a strategy finds with so many ratings. Nothing is proven about better ones.

    Args:
        space: what may be chosen.
        rate: the rating of a whole network; lower is better.
        tables: latency tables of this space, one a target.
        constraints: what every rated network keeps.
        evaluations: how many different networks to rate.
        strategy: a name of `STRATEGIES` or of an entry point; None takes ``evolution`` where the space can, else ``ageing``.
        seed: equal seeds and ratings give equal searches.
        log: a file of ratings; the same call with the same file goes on where an interrupted one stopped.
        name: what the rating is called in the outcome.
        progress: told after each rating how many there are and the best so far.
        executor: where networks are rated that a strategy asks for at once; None: one after another, in this process.

    Raises:
        InfeasibleError: no network meets the constraints; nothing is rated then.
        UsageError: the log is of another search, a rating is not finite, or the strategy cannot search this kind of space.
        DependencyError: the strategy's package is not installed.
    """
    asked_for, latency_tables = tuple(constraints), tuple(tables)
    if any(isinstance(constraint.quantity, Rating) for constraint in asked_for):
        raise UsageError("a black-box rating cannot be constrained", "leave the bound on the rating out")
    space = with_usual_head(space)
    resolved = Tables.of(space, latency_tables)
    axis = resolved.resolve(first_axis(asked_for, latency_tables, Rating()))
    question = _Question(space, resolved, resolved.resolved(asked_for), axis, name)
    networks = question.networks()
    strategy = strategy or ("evolution" if isinstance(networks, Genomes) else "ageing")
    factory: StrategyFactory = load_plugin("strategy", strategy, STRATEGIES, Strategy)
    about = {"space": identity_of(space), "rating": name, "strategy": strategy, "seed": seed}
    seen = _explore(factory(networks, seed), rate, ResultLog(log, about), evaluations, progress, executor or Here())
    return question.outcome(networks, seen, f"{strategy}, seed {seed}, {len(seen)} networks rated")


def _explore(
    strategy: Strategy,
    rate: RateNetwork,
    log: ResultLog,
    evaluations: int,
    progress: Callable[[int, float], None],
    executor: Executor,
) -> dict[Architecture, float]:
    """Rates what the strategy asks for; a network that the log knows is not rated again."""
    seen: dict[Architecture, float] = {}
    idle = 0
    while len(seen) < evaluations and idle < _IDLE_ROUNDS:
        before = len(seen)
        proposed = strategy.ask()
        if not proposed:
            break
        fresh = [architecture for architecture in dict.fromkeys(proposed) if architecture not in seen]
        taken = fresh[: evaluations - before]
        unknown = [architecture for architecture in taken if str(architecture) not in log.results]
        ratings = [*seen.values(), *(log.results[str(architecture)] for architecture in taken if architecture not in unknown)]
        keep = partial(_keep, log, unknown, ratings, progress)
        carry_out(executor, Job("rating", _rate, rate), unknown, on_result=keep)
        seen |= {architecture: log.results[str(architecture)] for architecture in taken}
        if len(taken) < len(fresh):
            return seen
        strategy.tell(np.array([seen[architecture] for architecture in proposed]))
        idle = idle + 1 if len(seen) == before else 0
    return seen


def _rate(rate: RateNetwork, architecture: Architecture, on_progress: OnProgress) -> float:
    return float(rate(architecture))


def _keep(
    log: ResultLog,
    architectures: Sequence[Architecture],
    ratings: list[float],
    progress: Callable[[int, float], None],
    number: int,
    rating: float,
) -> None:
    if not math.isfinite(rating):
        raise UsageError(f"the rating of {architectures[number]} is {rating}", "a rating is a finite number; lower is better")
    log.add(str(architectures[number]), rating)
    ratings.append(rating)
    progress(len(ratings), min(ratings))


@dataclass(frozen=True)
class _Question:
    """What was asked, with targets named."""

    space: SearchSpace
    tables: Tables
    demands: tuple[Constraint, ...]
    axis: Quantity
    name: str

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.axis, *(demand.quantity for demand in self.demands))

    def networks(self) -> Networks:
        """What may be proposed. Of a chain it is known at once whether there is anything."""
        if not isinstance(self.space, HeadedSpace):
            return SampledNetworks(self.space, self.tables, self.quantities, self.demands)
        return Genomes(feasible_model(self.space, self.tables, self.demands, self.axis), self.demands)

    def outcome(self, networks: Networks, seen: dict[Architecture, float], how: str) -> SearchOutcome:
        """The record of what was rated."""
        rated, ratings = list(seen), np.array(list(seen.values()))
        costs = np.array([networks.value(self.axis, architecture) for architecture in rated])
        best = rated[int(np.lexsort((costs, ratings))[0])]
        network = self.tables.found(best, self.space.place(best), self.quantities, (float(ratings.min()), 0.0))
        front = non_dominated(np.stack((costs, ratings)))  # the best of what was rated: not a front of the space
        points = (FrontPoint(architecture=str(rated[at]), rating=float(ratings[at]), costs=(float(costs[at]),)) for at in front)
        return SearchOutcome(
            provenance=Provenance.now(),
            space=self.space.name,
            space_digest=self.space.digest,
            head=head_of(self.space),
            ratings=self.name,
            tables=self.tables.digests,
            objective="rating",
            confidence=None,
            constraints=tuple(asked(demand, networks.value(demand.quantity, best)) for demand in self.demands),
            best=network,
            others=(),
            ties=(),
            largest=None,
            front=Front(axes=(str(self.axis),), points=tuple(points), epsilon=0.0),
            blocks=(),
            step=None,
            gain_of_step=None,
            excluded=self.tables.excluded,
            proof=Proof(
                method=how, gap=None, networks=self.space.size(), candidates=_candidates(self.space),
                states=len(seen), expanded=len(seen),
            ),
        )  # fmt: skip


def _candidates(space: SearchSpace) -> int | None:
    return sum(space.index.counts) if isinstance(space, HeadedSpace) else None
