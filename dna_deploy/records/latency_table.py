"""What every layer of a space costs on one target: what latency hands to search. A pure function of its profile runs."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from dna_deploy.errors import TableError
from dna_deploy.records.doubt import Doubt, Grade
from dna_deploy.records.files import Migration, Part, Provenance, equal_to
from dna_deploy.records.pace import PaceReference, Sentinel
from dna_deploy.records.samples import Quantile
from dna_deploy.records.space_record import HeadedRecord, with_head
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import Statistic
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration

__all__ = ["AbsentRow", "Calibration", "Doubt", "LatencyRow", "LatencyTable", "Quantile"]


class LatencyRow(Part):
    """One layer: the statistic of its samples, its standard error, and how many samples there were."""

    layer: str = Field(description="PlacedLayer.key")
    latency_s: float = Field(gt=0, description="the statistic of its samples, less the fixed overhead of a run and ``seam_s``")
    seam_s: float = Field(
        0.0, exclude_if=operator.not_, description="what it costs alone and not between others; less than 0: more between"
    )
    standard_error_s: float = Field(ge=0)
    samples: int = Field(gt=0)
    memory_bytes: int | None = Field(default=None, gt=0, description="scratch memory, where the runtime tells it")

    @cached_property
    def placed(self) -> PlacedLayer:
        """The layer itself, with its parameters, MACs and activations."""
        return PlacedLayer.parse(self.layer)

    @property
    def alone_s(self) -> float:
        """What it takes as a graph of its own, less the overhead."""
        return self.latency_s + self.seam_s


class AbsentRow(Part):
    """A layer that could not be measured, and why. Never a zero."""

    layer: str
    reason: str


class Calibration(Part):
    """Turns the sum of a network's rows into a quantile of its latency: ``offset_s + scale * sum``.

    Fitted on whole networks measured in the same run; the error is leave-one-out.
    """

    quantile: Quantile
    scale: float = Field(gt=0)
    offset_s: float
    networks: int = Field(ge=0, description="whole networks it was fitted on; 0 means not calibrated")
    relative_error: float = Field(ge=0, description="root mean square of the leave-one-out relative errors")
    sums_s: tuple[float, ...] = Field((), exclude_if=operator.not_, description="sums of rows of those networks, ascending")
    errors: tuple[float, ...] = Field((), exclude_if=operator.not_, description="their leave-one-out relative errors")
    covariance: tuple[float, float, float] | None = Field(
        None, exclude_if=equal_to(None), description="of scale and offset: variance, covariance, variance"
    )
    inflation: float = Field(1.0, ge=1, exclude_if=equal_to(1), description="of standard errors, since the networks are few")

    def error_at(self, total_s: float) -> float:
        """The relative standard error of the prediction for a sum of rows.

        It is made of what networks of about this size were off, left out of the fit, and of how unsure the fit is there: more
        towards the ends, and more and more where nothing was measured. Older tables know one error for all sizes.
        """
        predicted = self.offset_s + self.scale * total_s
        if self.covariance is None or not self.sums_s or predicted <= 0:
            return self.relative_error
        distances = [abs(math.log(total_s / known)) for known in self.sums_s]
        width = max(math.log(self.sums_s[-1] / self.sums_s[0]) / 3, 1e-3)
        weights = [math.exp(-((distance - min(distances)) ** 2) / (2 * width**2)) for distance in distances]
        squares = sum(weight * error**2 for weight, error in zip(weights, self.errors, strict=True)) / sum(weights)
        scale, common, offset = self.covariance
        lever = (scale * total_s**2 + 2 * common * total_s + offset) / predicted**2
        beyond = max(0.0, math.log(self.sums_s[0] / total_s), math.log(total_s / self.sums_s[-1]))
        return self.inflation * math.sqrt(squares + max(0.0, lever)) * (1 + 2 * beyond)

    @property
    def greatest_error(self) -> float:
        """The relative standard error that holds for every size between the smallest and the largest that was measured."""
        return max((self.error_at(total) for total in self.sums_s), default=self.relative_error)


ROWS_AGAIN = 5
"""So many rows are timed again where the pace of a machine is asked for."""


def spread_rows(rows: Sequence[LatencyRow], count: int = ROWS_AGAIN) -> tuple[LatencyRow, ...]:
    """Rows evenly spread over what they cost; the cheapest quarter is at the limit of the clock, and left out."""
    ordered = sorted(rows, key=lambda row: row.latency_s)[len(rows) // 4 :]
    count = min(count, len(ordered))
    return tuple(ordered[round(index * (len(ordered) - 1) / max(1, count - 1))] for index in range(count))


class LatencyTable(HeadedRecord):
    """Latency rows of one space on one target."""

    KIND: ClassVar[str] = "latency-table"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: with_head})

    provenance: Provenance
    target: Target
    fingerprint: Fingerprint
    statistic: Statistic = Field(description="which statistic of the samples a row holds, such as p25")
    rows: tuple[LatencyRow, ...]
    absent: tuple[AbsentRow, ...]
    overhead_s: float = Field(default=0.0, ge=0, description="what any run costs; already taken off every row")
    calibrations: tuple[Calibration, ...]
    grade: Grade
    doubts: tuple[Doubt, ...]
    runs: tuple[str, ...] = Field(description="digests of the profile runs it was made from")
    idle_s: float = Field(0.0, ge=0, exclude_if=operator.not_, description="rest before every run; 0: runs back to back")
    sentinels: tuple[Sentinel, ...] = Field(
        (), exclude_if=operator.not_, description="layers that tell at which pace the machine goes later; none in older tables"
    )

    @property
    def seam_s(self) -> float:
        """What a layer costs alone and not between others, by whole networks: the middle of all rows."""
        return statistics.median(row.seam_s for row in self.rows) if self.rows else 0.0

    @property
    def pace_reference(self) -> PaceReference:
        """What the pace of this machine is told by, later, beside a model."""
        sentinels = self.sentinels or tuple(
            Sentinel(layer=row.layer, statistic=self.statistic, latency_s=row.alone_s + self.overhead_s)
            for row in spread_rows(self.rows)
        )
        return PaceReference(table=self.digest, fingerprint=self.fingerprint, idle_s=self.idle_s, sentinels=sentinels)

    def check_space(self, space: SearchSpace) -> None:
        """Raises `TableError` unless the table is for the networks of this very space and speaks of each of its rows."""
        self.check_networks(space, f"make one with: dna-deploy profile --space {space.name}")
        keys = self._latencies.keys() | self.reasons.keys()
        missing = [layer.key for layer in space.rows() if layer.key not in keys]
        if missing:
            raise TableError(f"the latency table lacks {len(missing)} rows, first: {missing[0]}", "profile the space again")

    @cached_property
    def _latencies(self) -> Mapping[str, float]:
        return {row.layer: row.latency_s for row in self.rows}

    @cached_property
    def reasons(self) -> Mapping[str, str]:
        """Why rows are absent, by layer key."""
        return {row.layer: row.reason for row in self.absent}

    def row(self, layer: str) -> float:
        """The measured latency of a layer in seconds, before calibration.

        Raises:
            TableError: the row is absent (with the reason) or was never measured.
        """
        if layer in self._latencies:
            return self._latencies[layer]
        raise TableError(f"no latency for layer {layer}: {self.reasons.get(layer, 'it was never measured')}")

    def calibration(self, quantile: Quantile) -> Calibration:
        """The calibration for a quantile."""
        for calibration in self.calibrations:
            if calibration.quantile == quantile:
                return calibration
        quantiles = ", ".join(calibration.quantile for calibration in self.calibrations)
        raise TableError(
            f"the table of {self.target.name!r} cannot speak of {quantile}",
            f"it has {quantiles}; profile longer, and without --steady for a tail",
        )

    def predict(self, space: SearchSpace, architecture: Architecture, quantile: Quantile = "p50") -> Duration:
        """The latency that a network of the space is predicted to have."""
        calibration = self.calibration(quantile)
        return Duration(max(0.0, calibration.offset_s + calibration.scale * self._total(space, architecture)))

    def error_of(self, space: SearchSpace, architecture: Architecture, quantile: Quantile = "p50") -> float:
        """The relative standard error of that prediction."""
        return self.calibration(quantile).error_at(self._total(space, architecture))

    def _total(self, space: SearchSpace, architecture: Architecture) -> float:
        return sum(self.row(layer.key) for layer in space.place(architecture))
