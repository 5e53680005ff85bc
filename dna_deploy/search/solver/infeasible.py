"""What to say when no network meets the constraints: how far off they are, and the smallest steps that would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from dna_deploy.errors import InfeasibleError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Latency, Quantity, Rating
from dna_deploy.search.solver.exact import solve
from dna_deploy.search.solver.problem import Problem
from dna_deploy.search.tables import Tables
from dna_deploy.spaces.chain import HeadedSpace

_MOST_LOOSENED = 1e6


def check_feasible(space: HeadedSpace, tables: Sequence[LatencyTable], constraints: Sequence[Constraint]) -> None:
    """Raises `InfeasibleError` where no network meets the constraints. It needs no rating."""
    named = Tables.of(space, tables)
    demands = named.resolved(constraints)
    feasible_model(space, named, demands, demands[0].quantity)


def feasible_model(space: HeadedSpace, tables: Tables, demands: Sequence[Constraint], axis: Quantity) -> CostModel:
    """All costs of a chain without ratings. Raises `InfeasibleError` where no network meets the demands."""
    model = CostModel(tables, Problem.build(space, None, tables.measures((axis, *(demand.quantity for demand in demands)))))
    if not len(solve(model, (axis,), demands).choices):
        raise infeasible(model, demands)
    return model


def infeasible(model: CostModel, constraints: Sequence[Constraint]) -> InfeasibleError:
    """The error that explains itself."""
    facts = [fact for constraint in constraints for fact in _facts(model, constraint)]
    helps = [text for constraint in constraints for text in _relaxations(model, constraint, constraints)]
    demands = " and ".join(map(str, constraints)) or "no absent rows"
    if not facts and not helps:
        helps = [_together(model, constraints)]
    hint = "; ".join([*facts, *helps])
    return InfeasibleError(f"no architecture of {model.space.name!r} has {demands}", hint)


def _together(model: CostModel, constraints: Sequence[Constraint]) -> str:
    """How much all bounds together must be loosened where no single one is enough: by bisection, to 0.1 %."""
    too_little, enough = 1.0, 2.0
    while not _feasible(model, constraints, enough):
        too_little, enough = enough, 2 * enough
        if enough > _MOST_LOOSENED:
            return "no network has all its layers measured: profile the space again"
    while enough / too_little > 1.001:
        middle = math.sqrt(too_little * enough)
        too_little, enough = (too_little, middle) if _feasible(model, constraints, middle) else (middle, enough)
    percent = math.ceil((enough - 1) * 1000) / 10  # rounded up, so that asking for it is feasible
    return f"no single bound is enough; all of them looser by {percent:.1f}% would do"


def _feasible(model: CostModel, constraints: Sequence[Constraint], factor: float) -> bool:
    looser = [replace(bound, at_most=bound.at_most * factor, at_least=bound.at_least / factor) for bound in constraints]
    return len(solve(model, (Rating(),), looser).choices) > 0


def reachable(model: CostModel, quantity: Quantity, constraints: Sequence[Constraint], most: bool = False) -> float | None:
    """The smallest (or largest) value of a quantity among the networks that meet the constraints; ``None`` without any."""
    solution = solve(model, (quantity,), constraints, largest=most)
    return model.value(quantity, solution.choices[0]) if len(solution.choices) else None


def _facts(model: CostModel, constraint: Constraint) -> list[str]:
    quantity, facts = constraint.quantity, []
    if math.isfinite(constraint.at_most):
        least = reachable(model, quantity, ())
        if least is not None and least > constraint.at_most:
            if isinstance(quantity, Latency):
                facts.append(f"the fastest network takes {exactly(quantity, least)}")
                fixed = model.fixed(quantity)
                facts.append(f"stem, head and overhead alone take {quantity.format(fixed)}")
            else:
                facts.append(f"the least {quantity} of all is {exactly(quantity, least)}")
    if math.isfinite(constraint.at_least):
        top = reachable(model, quantity, (), most=True)
        if top is not None and top < constraint.at_least:
            facts.append(f"the most {quantity} of all is {quantity.format(top)}")
    return facts


def _relaxations(model: CostModel, constraint: Constraint, constraints: Sequence[Constraint]) -> list[str]:
    """What this constraint alone would have to become."""
    others = tuple(other for other in constraints if other != constraint)
    if not others:
        return []  # alone, the fact about it says the same
    texts = []
    if math.isfinite(constraint.at_most):
        least = reachable(model, constraint.quantity, (*others, replace(constraint, at_most=math.inf)))
        if least is not None:
            texts.append(f"{constraint.quantity} of at least {exactly(constraint.quantity, least)} would do")
    if math.isfinite(constraint.at_least):
        top = reachable(model, constraint.quantity, (*others, replace(constraint, at_least=-math.inf)), most=True)
        if top is not None:
            texts.append(f"a lower bound of {constraint.quantity.format(top)} would do")
    return texts


def exactly(quantity: Quantity, value: float) -> str:
    """A value with a digit more than usual, rounded up, so that asking for it is feasible."""
    if isinstance(quantity, Latency):
        return f"{math.ceil(value * 1e7) / 1e4:.4f} ms"
    return quantity.format(value)
