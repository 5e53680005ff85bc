"""Ties what can be asked to the columns of a problem: which column a quantity lives in, and how ticks become its unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dna_deploy.errors import TableError, UsageError
from dna_deploy.plugins import suggest
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import FoundNetwork, OnTarget
from dna_deploy.search.constraints import Constraint, combined
from dna_deploy.search.measures import DEPLOYED_PARAMETERS, MACS, PARAMETERS, PEAK_ACTIVATIONS, LatencyRows, Measure
from dna_deploy.search.quantities import Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.search.solver.problem import RATING, Column, Problem
from dna_deploy.search.solver.trellis import Criterion
from dna_deploy.spaces.space import HeadedSpace
from dna_deploy.targets.target import Precision

BYTES_OF: Mapping[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}


@dataclass(frozen=True)
class Scale:
    """How a column's sum in units becomes a quantity: ``offset + factor * sum``."""

    measure: Measure | str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class CostModel:
    """A problem with the tables and the confidence that its numbers come from."""

    space: HeadedSpace
    ratings: RatingTable | None
    tables: Mapping[str, LatencyTable]
    confidence: float | None
    problem: Problem

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
        if confidence is not None and not 0.5 <= confidence < 1:
            raise UsageError(
                f"a confidence of {confidence:g} cannot be planned with", "write it like 95%, between 50% and 100%"
            )
        by_target = _by_target(tables)
        for table in by_target.values():
            table.check_space(space)
        if ratings is not None:
            ratings.check_space(space)
        empty = cls(space, ratings, by_target, confidence, Problem(space, (), np.empty(0), ()))
        named = empty.on_targets(quantities)
        measures = [empty.scale(quantity).measure for quantity in named]
        unique = tuple(dict.fromkeys(measure for measure in measures if not isinstance(measure, str)))
        return replace(empty, problem=Problem.build(space, ratings, unique))

    # From quantities to columns.

    def resolve(self, quantity: Quantity) -> Quantity:
        """The quantity with its target named."""
        match quantity:
            case Latency(target=None):
                return replace(quantity, target=self._only_target(quantity))
            case WeightBytes(target=None) | PeakMemory(target=None) if self.tables:
                return replace(quantity, target=self._alike_target(quantity))
            case Latency(target=str(target)) | WeightBytes(target=str(target)) | PeakMemory(target=str(target)):
                if target not in self.tables:
                    raise TableError(f"no latency table for target {target!r}", suggest(target, tuple(self.tables)))
        return quantity

    def on_targets(self, quantities: Iterable[Quantity]) -> tuple[Quantity, ...]:
        """The quantities with targets named, and a latency on every target among them, or on the only one there is.

        A network must run where it is asked about: a layer without a row there rules it out.
        """
        named = [self.resolve(quantity) for quantity in quantities]
        seen = {quantity.target for quantity in named if isinstance(quantity, Latency)}
        targets = [getattr(quantity, "target", None) for quantity in named] + list(self.tables) * (len(self.tables) == 1)
        unseen = dict.fromkeys(target for target in targets if target and target not in seen)
        return (*named, *(Latency(target, self.tables[target].calibrations[0].quantile) for target in unseen))

    def scale(self, quantity: Quantity) -> Scale:
        """Where a resolved quantity comes from."""
        match quantity:
            case Latency():
                assert quantity.target is not None
                table = self.tables[quantity.target]
                calibration = table.calibration(quantity.quantile)
                rise = 1 + self.deviations * calibration.relative_error
                return Scale(self._rows(table), calibration.scale * rise, calibration.offset_s * rise)
            case Parameters():
                return Scale(PARAMETERS)
            case Macs():
                return Scale(MACS)
            case WeightBytes():
                return Scale(DEPLOYED_PARAMETERS, self._bytes(quantity.target)[0])
            case PeakMemory():
                width, batch = self._bytes(quantity.target)
                return Scale(PEAK_ACTIVATIONS, width * batch)
            case Rating():
                return Scale(RATING)

    def column(self, quantity: Quantity) -> int:
        return self.problem.index(self.scale(quantity).measure)

    @property
    def deviations(self) -> float:
        """How many standard errors above the estimate the plan stays, one-sided."""
        return NormalDist().inv_cdf(self.confidence) if self.confidence else 0.0

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
        layers = self.space.place(architecture)
        deployed, peak = (
            sum(layer.deployed_parameters for layer in layers),
            max(layer.peak_activation_elements for layer in layers),
        )
        places = dict.fromkeys(place for place in self.on_targets(quantities) if isinstance(place, Latency))
        rating, error = self.rating(choices)
        return FoundNetwork(
            architecture=str(architecture),
            rating=rating,
            rating_standard_error=error,
            parameters=sum(layer.parameters for layer in layers),
            deployed_parameters=deployed,
            macs=sum(layer.macs for layer in layers),
            targets=tuple(self._on_target(place, [layer.key for layer in layers], deployed, peak) for place in places),
        )

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
        least = float(self.problem.start[index] + self.problem.stages[-1].values[index].min())
        return scale.offset + scale.factor * least / column.ticks_per_unit

    def share(self, quantity: Quantity, choices: Sequence[int]) -> tuple[float, ...] | None:
        """What every block adds to a quantity; ``None`` for one that is a maximum."""
        index, column, scale = self._place(quantity)
        if column.is_maximum:
            return None
        parts = zip(self.problem.stages, self.problem.states(choices), choices, strict=False)
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
        return tuple((np.array(block.ratings), np.array(block.standard_errors)) for block in self.ratings.blocks)

    def _on_target(self, place: Latency, keys: list[str], deployed: int, peak: int) -> OnTarget:
        assert place.target is not None
        table = self.tables[place.target]
        calibration = table.calibration(place.quantile)
        planned = self.scale(place)
        rows = self._rows(table)
        width, batch = self._bytes(place.target)
        return OnTarget(
            target=place.target,
            quantile=place.quantile,
            latency_s=max(0.0, calibration.offset_s + calibration.scale * math.fsum(table.row(key) for key in keys)),
            planned_s=max(0.0, planned.offset + planned.factor * math.fsum(rows.of_key(key) for key in keys)),
            weight_bytes=deployed * width,
            peak_memory_bytes=peak * width * batch,
        )

    def _place(self, quantity: Quantity) -> tuple[int, Column, Scale]:
        scale = self.scale(quantity)
        index = self.problem.index(scale.measure)
        return index, self.problem.columns[index], scale

    def _rows(self, table: LatencyTable) -> LatencyRows:
        return LatencyRows(table.target.name, self.deviations, table)

    def _bytes(self, target: str | None) -> tuple[int, int]:
        """Bytes of a number, and the batch."""
        if target is None:
            return BYTES_OF["fp32"], 1
        of = self.tables[target].target
        return BYTES_OF[of.precision], of.batch

    def _only_target(self, quantity: Quantity) -> str:
        if len(self.tables) == 1:
            return next(iter(self.tables))
        known = ", ".join(self.tables) or "none"
        raise UsageError(f"which target is the {quantity} for? there are tables for: {known}", "write it like 20ms@TARGET")

    def _alike_target(self, quantity: Quantity) -> str:
        if len({self._bytes(target) for target in self.tables}) == 1:
            return next(iter(self.tables))
        raise UsageError(
            f"the {quantity} differs between the targets {', '.join(self.tables)}: their precisions or batches do",
            "write it like 12MiB@TARGET",
        )


def resolved(model: CostModel, constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """The constraints with targets named, the tightest of each quantity."""
    return combined(replace(constraint, quantity=model.resolve(constraint.quantity)) for constraint in constraints)


def _by_target(tables: Iterable[LatencyTable]) -> dict[str, LatencyTable]:
    by_target: dict[str, LatencyTable] = {}
    for table in tables:
        if table.target.name in by_target:
            raise UsageError(f"two latency tables are for target {table.target.name!r}", "name the one you mean with --table")
        by_target[table.target.name] = table
    return by_target
