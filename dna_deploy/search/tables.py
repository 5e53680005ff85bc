"""What is asked and what layers cost, brought together: targets named, tables found, numbers of any network from its layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

from dna_deploy.errors import TableError, UsageError
from dna_deploy.plugins import suggest
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.search_outcome import FoundNetwork, OnTarget
from dna_deploy.search.constraints import Constraint, combined
from dna_deploy.search.measures import (
    DEPLOYED_PARAMETERS,
    MACS,
    PARAMETERS,
    PEAK_ACTIVATIONS,
    RATING,
    LatencyRows,
    Measure,
)
from dna_deploy.search.quantities import Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target import BYTES_OF


@dataclass(frozen=True)
class Scale:
    """How a column's sum in units becomes a quantity: ``offset + factor * sum``."""

    measure: Measure | str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Tables:
    """The latency tables of a search, by target, and the confidence that it plans with."""

    by_target: Mapping[str, LatencyTable]
    confidence: float | None = None

    @classmethod
    def of(cls, space: SearchSpace, tables: Iterable[LatencyTable], confidence: float | None = None) -> Self:
        """The tables of a space.

        Raises:
            TableError: a table is for another space.
            UsageError: two tables are for one target, or there is no such confidence.
        """
        if confidence is not None and not 0.5 <= confidence < 1:
            raise UsageError(
                f"a confidence of {confidence:g} cannot be planned with", "write it like 95%, between 50% and 100%"
            )
        by_target = _by_target(tables)
        for table in by_target.values():
            table.check_space(space)
        return cls(by_target, confidence)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of every table."""
        return {target: table.digest for target, table in self.by_target.items()}

    @property
    def excluded(self) -> tuple[str, ...]:
        """Layers that do not run on a target."""
        return tuple(sorted({layer for table in self.by_target.values() for layer in table.reasons}))

    # From quantities to measures of layers.

    def resolve(self, quantity: Quantity) -> Quantity:
        """The quantity with its target named."""
        match quantity:
            case Latency(target=None):
                return replace(quantity, target=self._only_target(quantity))
            case WeightBytes(target=None) | PeakMemory(target=None) if self.by_target:
                return replace(quantity, target=self._alike_target(quantity))
            case Latency(target=str(target)) | WeightBytes(target=str(target)) | PeakMemory(target=str(target)):
                if target not in self.by_target:
                    raise TableError(f"no latency table for target {target!r}", suggest(target, tuple(self.by_target)))
        return quantity

    def on_targets(self, quantities: Iterable[Quantity]) -> tuple[Quantity, ...]:
        """The quantities with targets named, and a latency on every target among them, or on the only one there is.

        A network must run where it is asked about: a layer without a row there rules it out.
        """
        named = [self.resolve(quantity) for quantity in quantities]
        seen = {quantity.target for quantity in named if isinstance(quantity, Latency)}
        targets = [getattr(quantity, "target", None) for quantity in named] + list(self.by_target) * (len(self.by_target) == 1)
        unseen = dict.fromkeys(target for target in targets if target and target not in seen)
        return (
            *named,
            *(
                Latency(target, self.by_target[target].calibrations[0].quantile)
                for target in unseen
                if self.by_target[target].calibrations
            ),
        )

    def scale(self, quantity: Quantity) -> Scale:
        """Where a resolved quantity comes from."""
        match quantity:
            case Latency():
                assert quantity.target is not None
                table = self.by_target[quantity.target]
                calibration = table.calibration(quantity.quantile)
                rise = 1 + self.deviations * calibration.greatest_error
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

    @property
    def deviations(self) -> float:
        """How many standard errors above the estimate the plan stays, one-sided."""
        return NormalDist().inv_cdf(self.confidence) if self.confidence else 0.0

    def resolved(self, constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
        """The constraints with targets named, the tightest of each quantity."""
        return combined(replace(constraint, quantity=self.resolve(constraint.quantity)) for constraint in constraints)

    def measures(self, quantities: Iterable[Quantity]) -> tuple[Measure, ...]:
        """What must be known of every layer, so that these quantities can be spoken of."""
        measures = (self.scale(quantity).measure for quantity in self.on_targets(quantities))
        return tuple(dict.fromkeys(measure for measure in measures if not isinstance(measure, str)))

    # From layers to numbers.

    def value(self, quantity: Quantity, layers: Sequence[PlacedLayer]) -> float:
        """A resolved cost of a network; infinite where a layer of it does not run on the target."""
        scale = self.scale(quantity)
        assert not isinstance(scale.measure, str)
        values = [scale.measure.of_layer(layer) for layer in layers]
        return scale.offset + scale.factor * (max(values) if scale.measure.is_maximum else math.fsum(values))

    def found(
        self,
        architecture: Architecture,
        layers: Sequence[PlacedLayer],
        quantities: Iterable[Quantity] = (),
        rating: tuple[float, float] = (0.0, 0.0),
    ) -> FoundNetwork:
        """A network with its rating (and the error of it) and all its numbers."""
        deployed = sum(layer.deployed_parameters for layer in layers)
        peak = max(layer.peak_activation_elements for layer in layers)
        places = dict.fromkeys(place for place in self.on_targets(quantities) if isinstance(place, Latency))
        return FoundNetwork(
            architecture=str(architecture),
            rating=rating[0],
            rating_standard_error=rating[1],
            parameters=sum(layer.parameters for layer in layers),
            deployed_parameters=deployed,
            macs=sum(layer.macs for layer in layers),
            targets=tuple(self._on_target(place, [layer.key for layer in layers], deployed, peak) for place in places),
        )

    def _on_target(self, place: Latency, keys: list[str], deployed: int, peak: int) -> OnTarget:
        assert place.target is not None
        table = self.by_target[place.target]
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
            batch=batch,
            precision=table.target.precision,
        )

    def _rows(self, table: LatencyTable) -> LatencyRows:
        return LatencyRows(table.target.name, self.deviations, table)

    def _bytes(self, target: str | None) -> tuple[int, int]:
        """Bytes of a number, and the batch."""
        if target is None:
            return BYTES_OF["fp32"], 1
        device = self.by_target[target].target
        return BYTES_OF[device.precision], device.batch

    def _only_target(self, quantity: Quantity) -> str:
        if len(self.by_target) == 1:
            return next(iter(self.by_target))
        names = ", ".join(self.by_target) or "none"
        raise UsageError(f"which target is the {quantity} for? there are tables for: {names}", "write it like 20ms@TARGET")

    def _alike_target(self, quantity: Quantity) -> str:
        if len({self._bytes(target) for target in self.by_target}) == 1:
            return next(iter(self.by_target))
        raise UsageError(
            f"the {quantity} differs between the targets {', '.join(self.by_target)}: their precisions or batches do",
            "write it like 12MiB@TARGET",
        )


def _by_target(tables: Iterable[LatencyTable]) -> dict[str, LatencyTable]:
    by_target: dict[str, LatencyTable] = {}
    for table in tables:
        if table.target.name in by_target:
            raise UsageError(f"two latency tables are for target {table.target.name!r}", "name the one you mean with --table")
        by_target[table.target.name] = table
    return by_target
