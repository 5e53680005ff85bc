"""A problem and the tables that it was made of: which column a quantity lives in, and numbers of its networks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.quantities import Quantity
from dna_deploy.search.solver.problem import Column, Problem
from dna_deploy.search.solver.trellis import Criterion
from dna_deploy.search.tables import Scale, Tables
from dna_deploy.spaces.chain import HeadedSpace


@dataclass(frozen=True)
class CostModel:
    """A chain as a problem, with the tables and the ratings that its numbers come from."""

    tables: Tables
    problem: Problem
    ratings: RatingTable | None = None

    @classmethod
    def build(
        cls,
        space: HeadedSpace,
        ratings: RatingTable | None,
        tables: Iterable[LatencyTable],
        quantities: Iterable[Quantity],
        confidence: float | None = None,
    ) -> CostModel:
        """A model that can speak of the given quantities.

        Raises:
            TableError: a table or the ratings are for another space.
            UsageError: a quantity names a target without a table, or none where there are several.
        """
        resolved = Tables.of(space, tables, confidence)
        if ratings is not None:
            ratings.check_space(space)
        return cls(resolved, Problem.build(space, ratings, resolved.measures(quantities)), ratings)

    @property
    def space(self) -> HeadedSpace:
        return self.problem.space

    # From quantities to columns.

    def column(self, quantity: Quantity) -> int:
        return self.problem.index(self.tables.scale(quantity).measure)

    def criteria(
        self, objectives: Sequence[Quantity], constraints: Sequence[Constraint], largest: bool = False
    ) -> tuple[Criterion, ...]:
        """What a solver should make small (the first objective first; ``largest`` turns it round) and keep in limits."""
        bounds: dict[tuple[int, int], float] = {}
        for constraint in constraints:
            index, column, scale = self._place(constraint.quantity)
            most = column.most_ticks((constraint.at_most - scale.offset) / scale.factor)
            least = column.least_ticks((constraint.at_least - scale.offset) / scale.factor)
            for sign, limit in ((1, most), (-1, -least)):
                bounds[index, sign] = min(limit, bounds.get((index, sign), math.inf))
        signs = [-1 if largest and not position else 1 for position in range(len(objectives))]
        keys = dict.fromkeys((self.column(objective), sign) for objective, sign in zip(objectives, signs, strict=True))
        wanted = [Criterion(*key, bounds.pop(key, math.inf), is_objective=True) for key in keys]
        return (*wanted, *(Criterion(*key, limit) for key, limit in bounds.items() if math.isfinite(limit)))

    # From choices to numbers.

    def values(self, quantity: Quantity, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """A quantity of several networks from their totals in ticks ``(columns, networks)``."""
        index, column, scale = self._place(quantity)
        return np.asarray(scale.offset + scale.factor * (totals[index] / column.ticks_per_unit))

    def found(self, choices: Sequence[int], quantities: Iterable[Quantity] = ()) -> FoundNetwork:
        """A network with all its numbers, computed from its layers and not from the solver's arrays."""
        architecture = self.problem.architecture(choices)
        return self.tables.found(architecture, self.space.place(architecture), quantities, self.rating(choices))

    def rating(self, choices: Sequence[int]) -> tuple[float, float]:
        """The rating of a network and its standard error."""
        if self.ratings is None:
            return 0.0, 0.0
        values = [self._block_ratings[block][0][choice] for block, choice in enumerate(choices)]
        errors = [self._block_ratings[block][1][choice] for block, choice in enumerate(choices)]
        return math.fsum(values), math.hypot(*errors)

    def value(self, quantity: Quantity, choices: Sequence[int]) -> float:
        """A resolved quantity of one network, as planned with: an upper bound where a confidence is asked."""
        return float(self.values(quantity, self.problem.totals(np.array([choices])))[0])

    def fixed(self, quantity: Quantity) -> float:
        """What stem, the smallest head and overhead alone have of a quantity."""
        index, column, scale = self._place(quantity)
        least = float(self.problem.start[index] + self.problem.levels[-1].values[index].min())
        return scale.offset + scale.factor * least / column.ticks_per_unit

    def share(self, quantity: Quantity, choices: Sequence[int]) -> tuple[float, ...] | None:
        """What every block adds to a quantity; ``None`` for one that is a maximum."""
        index, column, scale = self._place(quantity)
        if column.is_maximum:
            return None
        parts = zip(self.problem.levels, self.problem.states(choices), choices, strict=False)
        return tuple(
            scale.factor * float(stage.values[index, state, choice]) / column.ticks_per_unit for stage, state, choice in parts
        )

    def meets(self, constraints: Iterable[Constraint], totals: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of several networks, given as totals in ticks ``(columns, networks)``, meet all constraints."""
        meets = np.asarray(np.isfinite(totals).all(axis=0))
        for criterion in self.criteria((), tuple(constraints)):
            meets = meets & (criterion.sign * totals[criterion.column] <= criterion.limit)
        return meets

    def block_errors(self, block: int) -> NDArray[np.float64]:
        """The standard errors of the ratings of a block's candidates."""
        return np.zeros(self.space.index.counts[block]) if self.ratings is None else self._block_ratings[block][1]

    @cached_property
    def _block_ratings(self) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
        assert self.ratings is not None
        return tuple((np.array(ratings), np.array(errors)) for ratings, errors in self.ratings.candidates)

    def _place(self, quantity: Quantity) -> tuple[int, Column, Scale]:
        scale = self.tables.scale(quantity)
        index = self.problem.index(scale.measure)
        return index, self.problem.columns[index], scale
