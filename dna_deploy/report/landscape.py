"""All candidates of a block as a landscape: what each costs and how it rates, which are worth their cost, which was chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median

from dna_deploy.records.rating_table import RatingTable
from dna_deploy.report.evidence import Evidence
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.shapes import Shape

MOST_DOTS = 300
"""Of larger blocks so many are drawn, besides those worth their cost: the page would grow by megabytes."""


@dataclass(frozen=True)
class Candidate:
    """A candidate of a block; its cost is in seconds, or in MACs where there is no latency."""

    name: str
    width: int
    depth: int
    rating: float
    standard_error: float
    cost: float
    is_chosen: bool


@dataclass(frozen=True)
class Landscape:
    """All candidates of a block that have a cost."""

    block: int
    candidates: tuple[Candidate, ...]
    is_timed: bool

    @property
    def chosen(self) -> Candidate | None:
        return next((candidate for candidate in self.candidates if candidate.is_chosen), None)

    @property
    def useful(self) -> tuple[Candidate, ...]:
        """Candidates that no other of the same width beats in cost and rating at once."""
        chosen = []
        for width in sorted({candidate.width for candidate in self.candidates}):
            best = math.inf
            of_width = [candidate for candidate in self.candidates if candidate.width == width]
            for candidate in sorted(of_width, key=lambda point: (point.cost, point.rating)):
                if candidate.rating < best:
                    best = candidate.rating
                    chosen.append(candidate)
        return tuple(chosen)

    @property
    def drawn(self) -> tuple[Candidate, ...]:
        """Evenly many of the candidates, and all that are worth their cost."""
        step = -(-len(self.candidates) // MOST_DOTS)
        return tuple(dict.fromkeys((*self.candidates[::step], *self.useful)))

    @property
    def mean(self) -> float:
        """The mean rating."""
        return fmean(candidate.rating for candidate in self.candidates)

    @property
    def noise(self) -> float:
        """The median standard error of a rating."""
        return median(candidate.standard_error for candidate in self.candidates)


def landscape_of(evidence: Evidence, space: HeadedSpace, ratings: RatingTable, block: int) -> Landscape:
    """The candidates of a block, with what they cost behind the answer's input."""
    answer, table, calibration = evidence.answer, evidence.table, evidence.calibration
    input = _input(space, answer, block)
    scale = calibration.scale if calibration else 1.0
    costs = {row.layer: scale * row.latency_s for row in table.rows} if table else {}
    candidates = []
    for choice, rating, error in zip(space.index.candidates(block), *ratings.candidates[block], strict=True):
        if not space.index.may_follow(block, choice, input):
            continue
        layers = space.index.place(block, choice, input)
        cost = sum(costs.get(layer.key, math.inf) if table else layer.macs for layer in layers)
        name, is_chosen = str(choice), answer is not None and answer.parts[block] == str(choice)
        if math.isfinite(cost):
            candidates.append(Candidate(name, choice.width, choice.depth, rating, error, cost, is_chosen))
    return Landscape(block, tuple(candidates), table is not None)


def _input(space: HeadedSpace, answer: Architecture | None, block: int) -> Shape:
    """What the block receives in the answer; without an answer, the narrowest input."""
    inputs = space.index.inputs[block]
    if answer is None or block == 0:
        return inputs[0]
    return inputs[space.index.exits(block - 1)[space.index.position(block - 1, answer.parts[block - 1])]]
