"""What one model took on a target: the samples, how and where they were taken, and what speaks against them."""

from __future__ import annotations

from typing import ClassVar

from dna_deploy.records.doubt import Doubt, Grade, worst_grade
from dna_deploy.records.files import Provenance, Record
from dna_deploy.records.samples import Quantile, Samples
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
    samples: Samples
    doubts: tuple[Doubt, ...]

    @property
    def grade(self) -> Grade:
        return worst_grade(self.doubts)

    @property
    def p50(self) -> Duration:
        return self.samples.p50

    @property
    def p90(self) -> Duration:
        return self.samples.p90

    @property
    def p99(self) -> Duration:
        return self.samples.p99

    def quantile(self, name: Quantile) -> Duration:
        """See `Samples.quantile`."""
        return self.samples.quantile(name)

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
