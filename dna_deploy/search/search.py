"""The search itself: constraints in, the proven best network out, with the front around it and the reasons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import AskedConstraint, FoundNetwork, Front, FrontPoint, Proof, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel, resolved
from dna_deploy.search.exact import Solution, solve
from dna_deploy.search.explain import block_reasons, loosened, step_of
from dna_deploy.search.front import TradeOff, trade_off
from dna_deploy.search.infeasible import infeasible
from dna_deploy.search.quantities import Latency, Macs, Quantity, Rating
from dna_deploy.spaces.space import SearchSpace


def search(
    space: SearchSpace,
    ratings: RatingTable,
    tables: Iterable[LatencyTable] = (),
    constraints: Iterable[Constraint] = (),
    *,
    objective: Quantity | None = None,
    top: int = 1,
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
        confidence: plan with the upper bound of every latency at this confidence, such as 0.95.

    Raises:
        InfeasibleError: no network meets the constraints; the hint says what would.
        TableError: a table or the ratings are for another space.
        UsageError: constraints contradict each other, or name a target without a table.
    """
    asked, tables = tuple(constraints), tuple(tables)
    objective = objective or Rating()
    axis = first_axis(asked, tables, objective)
    wanted = (objective, axis, Macs(), *(constraint.quantity for constraint in asked))
    model = CostModel.build(space, ratings, tables, wanted, confidence)
    demands, axis, objective = resolved(model, asked), model.resolve(axis), model.resolve(objective)
    solution = solve(model, (objective, *([axis] if axis != objective else [Rating()])), demands, top)
    if not len(solution.choices):
        raise infeasible(model, demands)
    front = trade_off(model, (axis,), [constraint for constraint in demands if constraint.quantity != axis])
    return _outcome(model, demands, objective, axis, solution, front)


def largest_that_fits(model: CostModel, constraints: Sequence[Constraint]) -> FoundNetwork | None:
    """The baseline of every claim: the network with the most MACs within the constraints, whatever its rating."""
    quantities = [constraint.quantity for constraint in constraints]
    solution = solve(model, (Macs(),), constraints, largest=True)
    return model.found(solution.choices[0].tolist(), quantities) if len(solution.choices) else None


def first_axis(constraints: Sequence[Constraint], tables: Sequence[LatencyTable], objective: Quantity) -> Quantity:
    """The cost that the front is drawn over: the first latency asked for, else the first cost, else what there is."""
    asked = [objective, *(constraint.quantity for constraint in constraints)]
    costs = [quantity for quantity in asked if not isinstance(quantity, Rating)]
    latencies = [quantity for quantity in costs if isinstance(quantity, Latency)]
    fallback = Latency(tables[0].target.name, tables[0].calibrations[0].quantile) if tables else Macs()
    return next(iter([*latencies, *costs]), fallback)


def _outcome(
    model: CostModel, demands: tuple[Constraint, ...], objective: Quantity, axis: Quantity, solution: Solution, front: TradeOff
) -> SearchOutcome:
    quantities = [axis, *(constraint.quantity for constraint in demands)]
    best, *others = (model.found(choices, quantities) for choices in solution.choices.tolist())
    choices = solution.choices[0].tolist()
    bound = next((demand.at_most for demand in demands if demand.quantity == axis and math.isfinite(demand.at_most)), None)
    step = None if bound is None else step_of(bound)
    ratings = model.ratings
    assert ratings is not None
    return SearchOutcome(
        provenance=Provenance.now(),
        space=model.space.name,
        space_digest=model.space.digest,
        ratings=ratings.digest,
        tables={target: table.digest for target, table in model.tables.items()},
        objective=str(objective),
        confidence=model.confidence,
        constraints=tuple(_asked(model, demand, choices) for demand in demands),
        best=best,
        others=tuple(others),
        ties=(),
        largest=largest_that_fits(model, [demand for demand in demands if not isinstance(demand.quantity, Rating)]),
        front=_front(model, front),
        blocks=block_reasons(model, choices, axis, demands, step or 0.0),
        step=step,
        gain_of_step=None if step is None or objective != Rating() else _gain(model, demands, axis, step, best.rating),
        excluded=tuple(sorted({layer for table in model.tables.values() for layer in table.reasons})),
        proof=Proof(
            method="dynamic programming over blocks by output width, non-dominated labels",
            gap=0.0,
            networks=model.space.count(),
            candidates=model.problem.candidates,
            states=solution.states,
            expanded=solution.expanded,
        ),
    )


def _gain(model: CostModel, demands: tuple[Constraint, ...], axis: Quantity, step: float, rating: float) -> float:
    wider = solve(model, (Rating(),), loosened(demands, axis, step))
    return max(0.0, rating - model.rating(wider.choices[0].tolist())[0])


def _front(model: CostModel, front: TradeOff) -> Front:
    points = tuple(
        FrontPoint(architecture=str(model.problem.architecture(choices)), rating=float(rating), costs=tuple(map(float, costs)))
        for choices, rating, costs in zip(front.choices, front.ratings, np.transpose(front.costs), strict=True)
    )
    return Front(axes=tuple(map(str, front.axes)), points=points, epsilon=front.epsilon)


def _asked(model: CostModel, demand: Constraint, choices: list[int]) -> AskedConstraint:
    quantity = demand.quantity
    return AskedConstraint(
        quantity=str(quantity),
        target=getattr(quantity, "target", None),
        quantile=getattr(quantity, "quantile", None),
        at_most=demand.at_most if math.isfinite(demand.at_most) else None,
        at_least=demand.at_least if math.isfinite(demand.at_least) else None,
        found=model.value(quantity, choices),
    )
