"""The search itself: constraints in, the proven best network out, with the front around it and the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel, resolved
from dna_deploy.search.diverse import solve_diverse
from dna_deploy.search.exact import Solution, solve
from dna_deploy.search.front import TradeOff, trade_off
from dna_deploy.search.infeasible import infeasible
from dna_deploy.search.outcome import Answer, outcome_of
from dna_deploy.search.quantities import Latency, Macs, Quantity, Rating
from dna_deploy.search.ties import tied_with
from dna_deploy.spaces.space import SearchSpace


def search(
    space: SearchSpace,
    ratings: RatingTable,
    tables: Iterable[LatencyTable] = (),
    constraints: Iterable[Constraint] = (),
    *,
    objective: Quantity | None = None,
    top: int = 1,
    differences: int = 0,
    confidence: float | None = None,
) -> SearchOutcome:
    """The network of the space with the best rating within the constraints, proven.

    Args:
        space: what may be chosen.
        ratings: a rating of every candidate; lower is better, blocks add.
        tables: latency tables of this space, one a target.
        constraints: what the network must keep.
        objective: what to make small instead of the rating, such as a `Latency`.
        top: how many of the best networks to return.
        differences: in how many layers any two of them must differ.
        confidence: plan with the upper bound of every latency at this confidence, such as 0.95, and among networks whose
            ratings cannot be told apart at it prefer the cheapest.

    Returns:
        The answer; its ``proof.gap`` is 0: no network of the space that meets the constraints is better.

    Raises:
        InfeasibleError: no network meets the constraints; the hint says what would.
        TableError: a table or the ratings are for another space.
        UsageError: constraints contradict each other, or name a target without a table.

    Example:
        >>> from dna_deploy.search import Constraint, search
        >>> from dna_deploy.search.example import RATINGS, SPACE, TABLE
        >>> outcome = search(SPACE, RATINGS, [TABLE], [Constraint.parse("latency", "3ms")])
        >>> outcome.best.architecture
        '16:k3e3/32:k3e3,k5e3'
        >>> f"{outcome.best.rating:.2f} at {outcome.best.targets[0].latency_s * 1e3:.2f} ms, gap {outcome.proof.gap:g}"
        '0.60 at 2.90 ms, gap 0'
    """
    question = _Question.ask(space, ratings, tuple(tables), tuple(constraints), objective, confidence)
    model, demands, axis = question.model, question.demands, question.axis
    goals = (question.objective, axis if axis != question.objective else Rating())
    different = differences > 0 and top > 1
    solution = solve_diverse(model, goals, demands, top, differences) if different else solve(model, goals, demands, top)
    if not len(solution.choices):
        raise infeasible(model, demands)
    front = trade_off(model, (axis,), [demand for demand in demands if demand.quantity != axis])
    ties = tied_with(model, solution.choices[0], front) if question.objective == Rating() else np.empty(0, np.intp)
    solution = _cheapest_first(solution, front, ties) if confidence is not None and len(ties) else solution
    return outcome_of(model, Answer(question.objective, axis, demands, solution, front, ties))


def largest_that_fits(
    space: SearchSpace, ratings: RatingTable, tables: Iterable[LatencyTable], constraints: Iterable[Constraint]
) -> FoundNetwork:
    """The baseline of every claim: the network with the most MACs within the constraints, whatever its rating.

    Raises:
        InfeasibleError: no network meets the constraints.
    """
    constraints = tuple(constraints)
    quantities = [constraint.quantity for constraint in constraints]
    model = CostModel.build(space, ratings, tables, [Macs(), *quantities])
    demands = resolved(model, constraints)
    solution = solve(model, (Macs(),), demands, largest=True)
    if not len(solution.choices):
        raise infeasible(model, demands)
    return model.found(solution.choices[0].tolist(), [demand.quantity for demand in demands])


def pareto_front(
    space: SearchSpace,
    ratings: RatingTable,
    tables: Iterable[LatencyTable],
    axes: Sequence[Quantity],
    constraints: Iterable[Constraint] = (),
    confidence: float | None = None,
) -> TradeOff:
    """The whole trade-off between the rating and one or more costs, in one pass.

    Exact where it fits in memory; else its ``epsilon`` says how far off: every network of the space has a point with no
    worse rating whose costs are at most ``1 + epsilon`` times its own.

    Raises:
        InfeasibleError: no network meets the constraints.
    """
    constraints = tuple(constraints)
    quantities = [*axes, *(constraint.quantity for constraint in constraints)]
    model = CostModel.build(space, ratings, tables, quantities, confidence)
    demands = resolved(model, constraints)
    found = trade_off(model, [model.resolve(axis) for axis in axes], demands)
    if not len(found.ratings):
        raise infeasible(model, demands)
    return found


def first_axis(constraints: Sequence[Constraint], tables: Sequence[LatencyTable], objective: Quantity) -> Quantity:
    """The cost that the front is drawn over: the first latency asked, else the first cost, else the only table's latency."""
    asked = [objective, *(constraint.quantity for constraint in constraints)]
    costs = [quantity for quantity in asked if not isinstance(quantity, Rating)]
    latencies = [quantity for quantity in costs if isinstance(quantity, Latency)]
    fallback = Latency(tables[0].target.name, tables[0].calibrations[0].quantile) if len(tables) == 1 else Macs()
    return next(iter([*latencies, *costs]), fallback)


@dataclass(frozen=True)
class _Question:
    """What was asked, with targets named."""

    model: CostModel
    demands: tuple[Constraint, ...]
    axis: Quantity
    objective: Quantity

    @classmethod
    def ask(
        cls,
        space: SearchSpace,
        ratings: RatingTable,
        tables: tuple[LatencyTable, ...],
        constraints: tuple[Constraint, ...],
        objective: Quantity | None,
        confidence: float | None,
    ) -> _Question:
        objective = objective or Rating()
        axis = first_axis(constraints, tables, objective)
        wanted = (objective, axis, Macs(), *(constraint.quantity for constraint in constraints))
        model = CostModel.build(space, ratings, tables, wanted, confidence)
        return cls(model, resolved(model, constraints), model.resolve(axis), model.resolve(objective))


def _cheapest_first(solution: Solution, front: TradeOff, ties: NDArray[np.intp]) -> Solution:
    """The same networks with the cheapest of the tied ones in front."""
    cheapest = front.choices[ties[0]]
    others = solution.choices[(solution.choices != cheapest).any(axis=1)]
    kept = max(len(solution.choices), 1)
    return Solution(np.concatenate((cheapest[None], others))[:kept], solution.states, solution.expanded)
