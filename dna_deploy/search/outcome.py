"""Turns a solution into the record that others read: named networks, reasons, the baseline, the proof."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.records.files import Provenance
from dna_deploy.records.search_outcome import AskedConstraint, FoundNetwork, Front, FrontPoint, Proof, SearchOutcome
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.explain import block_reasons, loosened, step_of
from dna_deploy.search.front import TradeOff
from dna_deploy.search.quantities import Macs, Quantity, Rating
from dna_deploy.search.solver.exact import Solution, solve
from dna_deploy.spaces.heads import head_of

METHOD = "dynamic programme over blocks by output width; non-dominated labels, pruned by Lagrangian bounds"


@dataclass(frozen=True)
class Answer:
    """What was asked and what came out."""

    objective: Quantity
    axis: Quantity
    demands: tuple[Constraint, ...]
    solution: Solution
    front: TradeOff
    ties: NDArray[np.intp]
    """``(networks, blocks)``, cheapest first, the optimum last"""


def outcome_of(model: CostModel, answer: Answer) -> SearchOutcome:
    """The record of an answer."""
    best, *others = (found(model, answer, choices) for choices in answer.solution.choices.tolist())
    choices = answer.solution.choices[0].tolist()
    step = _step(answer)
    front = answer.front
    optimum = model.rating(answer.ties[-1].tolist())[0]
    assert model.ratings is not None
    return SearchOutcome(
        provenance=Provenance.now(),
        space=model.space.name,
        space_digest=model.space.digest,
        head=head_of(model.space),
        ratings=model.ratings.digest,
        tables=model.tables.digests,
        objective=str(answer.objective),
        confidence=model.tables.confidence,
        constraints=tuple(asked(demand, model.value(demand.quantity, choices)) for demand in answer.demands),
        best=best,
        others=tuple(others),
        ties=_tied(model, answer) if len(answer.ties) > 1 else (),
        largest=_largest(model, answer),
        front=Front(axes=tuple(map(str, front.axes)), points=_points(front), epsilon=front.epsilon),
        blocks=block_reasons(model, choices, answer.axis, answer.demands, step or 0.0),
        step=step,
        gain_of_step=None if step is None else _gain(model, answer, step, optimum),
        excluded=model.tables.excluded,
        proof=_proof(model, answer.solution),
    )


def found(model: CostModel, answer: Answer, choices: list[int]) -> FoundNetwork:
    """A network with the latencies that were asked about."""
    return model.found(choices, [answer.axis, *(demand.quantity for demand in answer.demands)])


def asked(demand: Constraint, value: float) -> AskedConstraint:
    """A demand and what the network has of it."""
    return AskedConstraint(
        quantity=str(demand.quantity),
        target=getattr(demand.quantity, "target", None),
        quantile=getattr(demand.quantity, "quantile", None),
        at_most=demand.at_most if math.isfinite(demand.at_most) else None,
        at_least=demand.at_least if math.isfinite(demand.at_least) else None,
        found=value,
    )


def _step(answer: Answer) -> float | None:
    """How much more of the first axis to ask about; ``None`` where it has no budget or the rating is not what is sought."""
    bounds = [demand.at_most for demand in answer.demands if demand.quantity == answer.axis and math.isfinite(demand.at_most)]
    return step_of(bounds[0]) if bounds and answer.objective == Rating() else None


def _gain(model: CostModel, answer: Answer, step: float, rating: float) -> float:
    wider = solve(model, (Rating(),), loosened(answer.demands, answer.axis, step))
    return max(0.0, rating - model.rating(wider.choices[0].tolist())[0])


def _largest(model: CostModel, answer: Answer) -> FoundNetwork | None:
    """The baseline keeps the costs asked for, but not a bound on the rating."""
    costs = [demand for demand in answer.demands if not isinstance(demand.quantity, Rating)]
    solution = solve(model, (Macs(),), costs, largest=True)
    return found(model, answer, solution.choices[0].tolist()) if len(solution.choices) else None


def _points(front: TradeOff) -> tuple[FrontPoint, ...]:
    return tuple(
        FrontPoint(architecture=str(architecture), rating=float(rating), costs=tuple(map(float, costs)))
        for architecture, rating, costs in zip(front.architectures, front.ratings, front.costs.T, strict=True)
    )


def _tied(model: CostModel, answer: Answer) -> tuple[FrontPoint, ...]:
    return tuple(
        FrontPoint(
            architecture=str(model.problem.architecture(choices)),
            rating=model.rating(choices)[0],
            costs=(model.value(answer.axis, choices),),
        )
        for choices in answer.ties.tolist()
    )


def _proof(model: CostModel, solution: Solution) -> Proof:
    return Proof(
        method=METHOD,
        gap=0.0,
        networks=model.space.size(),
        candidates=model.problem.candidates,
        states=solution.states,
        expanded=solution.expanded,
    )
