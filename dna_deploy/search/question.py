"""The search itself: constraints in, the proven best network out, with the front around it and the reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.errors import UsageError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.diverse import diversify
from dna_deploy.search.front import TradeOff, trade_off
from dna_deploy.search.outcome import Answer, outcome_of
from dna_deploy.search.quantities import Latency, Macs, Quantity, Rating
from dna_deploy.search.solver.exact import Solution, solve
from dna_deploy.search.solver.infeasible import infeasible
from dna_deploy.search.solver.ties import cheapest_first, tied_with
from dna_deploy.spaces.chain import HeadedSpace


def search(
    space: HeadedSpace,
    ratings: RatingTable,
    tables: Iterable[LatencyTable] = (),
    constraints: Iterable[Constraint] = (),
    *,
    objective: Quantity | None = None,
    top: int = 1,
    differences: int = 0,
    confidence: float | None = None,
    prefer_cheaper: bool = True,
) -> SearchOutcome:
    """The network of the space with the best rating within the constraints, proven; or a cheaper one that ties with it.

    Args:
        space: what may be chosen.
        ratings: a rating of every candidate; lower is better, blocks add.
        tables: latency tables of this space, one a target.
        constraints: what the network must keep.
        objective: what to make small instead of the rating, such as a `Latency`.
        top: how many of the best networks to return.
        differences: in how many layers any two of them must differ.
        confidence: plan with the upper bound of every latency at this confidence, such as 0.95.
        prefer_cheaper: where the errors of the ratings cannot tell the optimum from cheaper networks (at the confidence, or
            by one standard error), answer with the cheapest of them; else with the optimum. Only where the rating is what
            is made small.

    Returns:
        The answer. Its ``proof.gap`` is 0: no network of the space that meets the constraints is better than the optimum,
        which is ``best``, or the last of ``ties`` where a cheaper one is preferred to it.

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
    solution = solve(model, goals, demands, 1 if differences else top)
    if not len(solution.choices):
        raise infeasible(model, demands)
    front = trade_off(model, (axis,), [demand for demand in demands if demand.quantity != axis])
    ties = _ties(question, solution, front)
    if prefer_cheaper:
        solution = cheapest_first(solution, ties)
    if differences and top > 1:
        solution = diversify(model, goals, demands, solution, top, differences)
    return outcome_of(model, Answer(question.objective, axis, demands, solution, front, ties))


def largest_that_fits(
    space: HeadedSpace, ratings: RatingTable, tables: Iterable[LatencyTable], constraints: Iterable[Constraint]
) -> FoundNetwork:
    """The baseline of every claim: the network with the most MACs within the constraints, whatever its rating.

    Raises:
        InfeasibleError: no network meets the constraints.
    """
    constraints = tuple(constraints)
    quantities = [constraint.quantity for constraint in constraints]
    model = CostModel.build(space, ratings, tables, [Macs(), *quantities])
    demands = model.tables.resolved(constraints)
    solution = solve(model, (Macs(),), demands, largest=True)
    if not len(solution.choices):
        raise infeasible(model, demands)
    return model.found(solution.choices[0].tolist(), [demand.quantity for demand in demands])


def pareto_front(
    space: HeadedSpace,
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
        UsageError: an axis is the rating, or is there twice.
    """
    constraints = tuple(constraints)
    quantities = [*axes, *(constraint.quantity for constraint in constraints)]
    model = CostModel.build(space, ratings, tables, quantities, confidence)
    demands, named = model.tables.resolved(constraints), [model.tables.resolve(axis) for axis in axes]
    if not named or Rating() in named or len(set(named)) < len(named):
        shown = ", ".join(map(str, named)) or "nothing"
        raise UsageError(f"{shown} cannot be traded for the rating", "name one or more costs, each once")
    points = trade_off(model, named, demands)
    if not len(points.ratings):
        raise infeasible(model, demands)
    return points


def first_axis(constraints: Sequence[Constraint], tables: Sequence[LatencyTable], objective: Quantity) -> Quantity:
    """The cost that the front is drawn over: the first latency asked, else the first cost, else the only table's latency."""
    quantities = [objective, *(constraint.quantity for constraint in constraints)]
    costs = [quantity for quantity in quantities if not isinstance(quantity, Rating)]
    latencies = [quantity for quantity in costs if isinstance(quantity, Latency)]
    fallback = (
        Latency(tables[0].target.name, tables[0].calibrations[0].quantile)
        if len(tables) == 1 and tables[0].calibrations
        else Macs()
    )
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
        space: HeadedSpace,
        ratings: RatingTable,
        tables: tuple[LatencyTable, ...],
        constraints: tuple[Constraint, ...],
        objective: Quantity | None,
        confidence: float | None,
    ) -> _Question:
        objective = objective or Rating()
        axis = first_axis(constraints, tables, objective)
        quantities = (objective, axis, Macs(), *(constraint.quantity for constraint in constraints))
        model = CostModel.build(space, ratings, tables, quantities, confidence)
        return cls(model, model.tables.resolved(constraints), model.tables.resolve(axis), model.tables.resolve(objective))


def _ties(question: _Question, solution: Solution, front: TradeOff) -> NDArray[np.intp]:
    """The networks that tie with the optimum and meet every constraint, the optimum last."""
    optimum: NDArray[np.intp] = solution.choices[0]
    if question.objective != Rating():
        return optimum[None]
    if any(math.isfinite(demand.at_least) for demand in question.demands if demand.quantity == question.axis):
        front = trade_off(question.model, (question.axis,), question.demands)  # what is cheaper may be too cheap
    return tied_with(question.model, optimum, front)
