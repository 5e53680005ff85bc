"""The exact front of the story: every network that no other beats in rating and latency at once, with all its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import DnaDeployError, TableError
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.merit import Merit
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import trade_off
from dna_deploy.search.quantities import Latency, Rating
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace


@dataclass(frozen=True)
class NetworkPoint:
    """A network with its numbers; ``latency_s`` is predicted, or the upper bound that was planned with."""

    architecture: Architecture
    latency_s: float
    rating: float

    @property
    def parts(self) -> tuple[str, ...]:
        """Its blocks as text."""
        return self.architecture.parts


@dataclass(frozen=True)
class ReportedFront:
    """The front by ascending latency, so by descending (better) rating, and what stands out on or beside it."""

    merit: Merit
    """How its ratings are told."""
    space: HeadedSpace
    target: str
    quantile: str
    points: tuple[NetworkPoint, ...]
    answer: NetworkPoint | None
    largest: NetworkPoint | None
    budget_s: float | None
    epsilon: float
    confidence: float | None
    is_limited: bool
    """Whether other constraints than the latency of this target had to be met."""

    @property
    def axis(self) -> str:
        """What the front is drawn over, in words."""
        if self.confidence is None:
            return f"predicted latency ({self.quantile} on {self.target})"
        return f"planned latency ({self.quantile} on {self.target}, upper bound at {self.confidence:.0%})"

    def flips(self, index: int) -> tuple[int, ...]:
        """The blocks in which a point differs from the next faster one."""
        if index == 0:
            return ()
        pairs = zip(self.points[index - 1].parts, self.points[index].parts, strict=True)
        return tuple(block for block, (before, now) in enumerate(pairs) if before != now)


def find_front(evidence: Evidence) -> ReportedFront | str:
    """The front over the latency of the first target, or why there is none."""
    space, table = evidence.space, evidence.table
    if space is None:
        return f"the space {evidence.space_name!r} of these records is not known here, or has changed since"
    points, epsilon, is_limited = _from_outcome(evidence, space)
    confidence = evidence.outcome.confidence if evidence.outcome and points else None
    merit = evidence.merit
    if not points:
        if evidence.ratings is None or table is None:
            return _lacking(evidence)
        try:
            points, epsilon, is_limited = _from_tables(evidence, space, evidence.ratings), 0.0, False
            merit = evidence.merit_of(evidence.ratings.digest)
        except DnaDeployError as error:
            return error.message
    if not points:
        return "no network of the space has both a rating and a predicted latency"
    return ReportedFront(
        merit=merit,
        space=space,
        target=evidence.target or "the target",
        quantile=evidence.quantile,
        points=points,
        answer=_found(evidence, space, "best", confidence) or _chosen(evidence),
        largest=_found(evidence, space, "largest", confidence),
        budget_s=evidence.budget_s,
        epsilon=epsilon,
        confidence=confidence,
        is_limited=is_limited,
    )


def _from_outcome(evidence: Evidence, space: HeadedSpace) -> tuple[tuple[NetworkPoint, ...], float, bool]:
    """The outcome's own front, where it is over the latency of the first target alone."""
    outcome = evidence.outcome
    axis = str(Latency(evidence.target, evidence.quantile))
    if outcome is None or outcome.front.axes != (axis,) or not outcome.is_of(space):
        return (), 0.0, False
    points = [NetworkPoint(space.parse(point.architecture), point.costs[0], point.rating) for point in outcome.front.points]
    others = any(demand.quantity != axis for demand in outcome.constraints)
    return tuple(sorted(points, key=lambda point: point.latency_s)), outcome.front.epsilon, others


def _from_tables(evidence: Evidence, space: HeadedSpace, ratings: RatingTable) -> tuple[NetworkPoint, ...]:
    """The front among all networks, computed here: it takes no time."""
    assert evidence.table is not None
    quantiles = [calibration.quantile for calibration in evidence.table.calibrations]
    if not quantiles or not ratings.is_of(space):
        return ()
    quantile = evidence.quantile if evidence.quantile in quantiles else quantiles[0]
    axis = Latency(evidence.table.target.name, quantile)
    model = CostModel.build(space, ratings, [evidence.table], [axis, Rating()])
    front = trade_off(model, [axis], [])
    return tuple(
        NetworkPoint(model.problem.architecture(choices), float(latency), float(rating))
        for choices, latency, rating in zip(front.choices, front.costs[0], front.ratings, strict=True)
    )


def _found(evidence: Evidence, space: HeadedSpace, which: str, confidence: float | None) -> NetworkPoint | None:
    """The outcome's best or largest network, as predicted or planned with on the first target."""
    network: FoundNetwork | None = getattr(evidence.outcome, which, None)
    place = next((place for place in network.targets if place.target == evidence.target), None) if network else None
    if network is None or place is None:
        return None
    latency = place.latency_s if confidence is None else place.planned_s
    return NetworkPoint(space.parse(network.architecture), latency, network.rating)


def _chosen(evidence: Evidence) -> NetworkPoint | None:
    """The network of the card where the outcome is not there, with the numbers that the tables give it."""
    space, table, answer, ratings = evidence.space, evidence.table, evidence.answer, evidence.ratings
    if space is None or table is None or answer is None or ratings is None or evidence.outcome is not None:
        return None
    try:
        ratings.check_space(space)
        return NetworkPoint(answer, table.predict(space, answer, evidence.quantile).seconds, ratings.of(space, answer))
    except TableError:
        return None


def _lacking(evidence: Evidence) -> str:
    lacking = ["rating table"] * (evidence.ratings is None) + ["latency table"] * (evidence.table is None)
    return f"there is no search outcome over a latency, and no {' and no '.join(lacking)} to compute the front from"
