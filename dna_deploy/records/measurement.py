"""What one model took on a target: the samples, how and where they were taken, and what speaks against them."""

from __future__ import annotations

import operator
from typing import ClassVar

from pydantic import Field

from dna_deploy.errors import UnstableMeasurementError
from dna_deploy.records.doubt import Doubt, Grade, worst_grade
from dna_deploy.records.files import Provenance, Record, equal_to
from dna_deploy.records.pace import MeasuredPace
from dna_deploy.records.samples import TAILS, Quantile, Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration


class Measurement(Record):
    """Timed runs of one model file."""

    KIND: ClassVar[str] = "measurement"

    provenance: Provenance
    model: str
    model_digest: str
    target: Target
    fingerprint: Fingerprint
    plan: SamplingPlan
    inputs: tuple[str, ...] = Field(
        default=(), exclude_if=operator.not_, description="what it was fed with, where the runtime tells: name and shape"
    )
    samples: Samples
    pace: MeasuredPace | None = Field(
        default=None, exclude_if=equal_to(None), description="of the machine against the table's; absent: could not be compared"
    )
    no_pace: str = Field(default="", exclude_if=operator.not_, description="why it could not be")
    doubts: tuple[Doubt, ...]

    @property
    def grade(self) -> Grade:
        return worst_grade(self.doubts)

    @property
    def p50(self) -> Duration:
        return self.samples.p50

    @property
    def p90(self) -> Duration:
        return self.quantile("p90")

    def quantile(self, name: Quantile) -> Duration:
        """The latency that this share of runs stays below.

        Raises:
            UnstableMeasurementError: `why_not` says why it cannot be told.
        """
        if self.plan.steady and name in TAILS:
            raise UnstableMeasurementError(f"{name} cannot be told: {self.why_not(name)}", "measure without --steady")
        return self.samples.quantile(name)

    def at_table(self, name: Quantile) -> Duration:
        """A quantile as it is at the pace of the table; as it was measured, where the pace is not known."""
        latency = self.quantile(name)
        return latency if self.pace is None else Duration(self.pace.at_table(latency.seconds))

    def why_not(self, name: Quantile) -> str:
        """Why a quantile cannot be told; empty if it can."""
        if self.plan.steady and name in TAILS:
            return "slow moments were thrown away (steady)"
        return "" if self.samples.can_tell(name) else f"{self.samples.count} samples are too few"

    def standard_error(self, name: Quantile) -> Duration:
        """The standard error of a quantile."""
        return Duration(self.samples.standard_error(name))

    @property
    def spread(self) -> float:
        """The interquartile range over the median."""
        return self.samples.spread

    @property
    def split_half(self) -> float:
        """How far the medians of the two halves disagree, relative to the median."""
        return self.samples.split_half("p50")
