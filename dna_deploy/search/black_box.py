"""Search when only whole networks can be rated, such as by the accuracy of a one-shot supernet.

The costs stay exact: every network that is rated meets all constraints, and an impossible budget is found out first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin
from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.search_outcome import Front, FrontPoint, Proof, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel, resolved
from dna_deploy.search.genome import Genomes
from dna_deploy.search.outcome import asked
from dna_deploy.search.quantities import Quantity, Rating
from dna_deploy.search.question import first_axis
from dna_deploy.search.rating_log import RatingLog
from dna_deploy.search.solver.exact import solve
from dna_deploy.search.solver.infeasible import infeasible
from dna_deploy.search.solver.pareto import non_dominated
from dna_deploy.search.strategies import STRATEGIES, Strategy, StrategyFactory
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace

Rate = Callable[[Architecture], float]

_IDLE_ROUNDS = 20
"""Rounds without a network that was not rated before, after which the search has seen all it will see."""


def search_black_box(
    space: SearchSpace,
    rate: Rate,
    tables: Iterable[LatencyTable] = (),
    constraints: Iterable[Constraint] = (),
    *,
    evaluations: int = 512,
    strategy: str = "evolution",
    seed: int = 0,
    log: Path | None = None,
    name: str = "black-box",
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> SearchOutcome:
    """The best network that a strategy finds with so many ratings. Nothing is proven about better ones.

    Args:
        space: what may be chosen.
        rate: the rating of a whole network; lower is better.
        tables: latency tables of this space, one a target.
        constraints: what every rated network keeps.
        evaluations: how many different networks to rate.
        strategy: a name of `STRATEGIES` or of an entry point.
        seed: equal seeds and ratings give equal searches.
        log: a file of ratings; the same call with the same file goes on where an interrupted one stopped.
        name: what the rating is called in the outcome.
        progress: told after each rating how many there are and the best so far.

    Raises:
        InfeasibleError: no network meets the constraints; nothing is rated then.
        UsageError: the log is of another search, or a rating is not finite.
        DependencyError: the strategy's package is not installed.
    """
    asked_for, tables = tuple(constraints), tuple(tables)
    if any(isinstance(constraint.quantity, Rating) for constraint in asked_for):
        raise UsageError("a black-box rating cannot be constrained", "leave the bound on the rating out")
    axis = first_axis(asked_for, tables, Rating())
    model = CostModel.build(space, None, tables, [axis, *(constraint.quantity for constraint in asked_for)])
    demands, axis = resolved(model, asked_for), model.resolve(axis)
    if not len(solve(model, (axis,), demands).choices):
        raise infeasible(model, demands)
    factory: StrategyFactory = load_plugin("strategy", strategy, STRATEGIES, Strategy)
    genomes = Genomes(model.problem, model.criteria((), demands))
    about = {"space": space.digest, "rating": name, "strategy": strategy, "seed": seed}
    known = RatingLog(log, about)
    seen = _explore(factory(genomes, seed), genomes, model, rate, known, evaluations, progress)
    return _outcome(model, demands, axis, seen, f"{strategy}, seed {seed}, {len(seen)} networks rated", name)


def _explore(
    strategy: Strategy,
    genomes: Genomes,
    model: CostModel,
    rate: Rate,
    known: RatingLog,
    evaluations: int,
    progress: Callable[[int, float], None],
) -> dict[tuple[int, ...], float]:
    """Rates what the strategy asks for; a network that the log knows is not rated again."""
    seen: dict[tuple[int, ...], float] = {}
    idle = 0
    while len(seen) < evaluations and idle < _IDLE_ROUNDS:
        before = len(seen)
        asked_now = strategy.ask()
        if not len(asked_now):
            break
        for genome in asked_now:
            choices = tuple(genomes.choices(genome).tolist())
            if choices in seen:
                continue
            if len(seen) == evaluations:
                return seen
            seen[choices] = _rating(model.problem.architecture(choices), rate, known)
            progress(len(seen), min(seen.values()))
        strategy.tell(np.array([seen[tuple(genomes.choices(genome).tolist())] for genome in asked_now]))
        idle = idle + 1 if len(seen) == before else 0
    return seen


def _rating(architecture: Architecture, rate: Rate, known: RatingLog) -> float:
    line = str(architecture)
    if line not in known.ratings:
        known.add(line, float(rate(architecture)))
    return known.ratings[line]


def _outcome(
    model: CostModel, demands: tuple[Constraint, ...], axis: Quantity, seen: dict[tuple[int, ...], float], how: str, name: str
) -> SearchOutcome:
    choices, ratings = np.array(list(seen)), np.array(list(seen.values()))
    costs = model.values(axis, model.problem.totals(choices))
    best = choices[int(np.lexsort((costs, ratings))[0])].tolist()
    network = model.found(best, [axis, *(demand.quantity for demand in demands)])
    return SearchOutcome(
        provenance=Provenance.now(),
        space=model.space.name,
        space_digest=model.space.digest,
        ratings=name,
        tables={target: table.digest for target, table in model.tables.items()},
        objective="rating",
        confidence=None,
        constraints=tuple(asked(model, demand, best) for demand in demands),
        best=network.model_copy(update={"rating": float(ratings.min())}),
        others=(),
        ties=(),
        largest=None,
        front=Front(axes=(str(axis),), points=_points(model, choices, costs, ratings), epsilon=0.0),
        blocks=(),
        step=None,
        gain_of_step=None,
        excluded=tuple(sorted({layer for table in model.tables.values() for layer in table.reasons})),
        proof=Proof(
            method=how, gap=None, networks=model.space.count(), candidates=model.problem.candidates,
            states=len(seen), expanded=len(seen),
        ),
    )  # fmt: skip


def _points(
    model: CostModel, choices: NDArray[np.intp], costs: NDArray[np.float64], ratings: NDArray[np.float64]
) -> tuple[FrontPoint, ...]:
    """The best of what was rated: not a front of the space."""
    kept = non_dominated(np.stack((costs, ratings)))
    return tuple(
        FrontPoint(
            architecture=str(model.problem.architecture(choices[position].tolist())),
            rating=float(ratings[position]),
            costs=(float(costs[position]),),
        )
        for position in kept
    )
