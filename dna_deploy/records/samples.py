"""Timed runs of one model, all of them, by visit. Statistics are properties of the samples and know when there are too few."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer

from dna_deploy.errors import UnstableMeasurementError, UsageError
from dna_deploy.plugins import suggest
from dna_deploy.records.files import Part
from dna_deploy.targets.plan import SamplingPlan, Statistic
from dna_deploy.units import Duration

Quantile: TypeAlias = Literal["p50", "p90", "p99"]

LEAST_SAMPLES: dict[Quantile, int] = {"p50": 1, "p90": 64, "p99": 662}
"""MLPerf LoadGen's early-stopping rule: fewer samples than this say nothing about a quantile."""

TAILS: tuple[Quantile, ...] = ("p90", "p99")
"""What speaks of slow moments, and needs every one of them."""

SHARES: dict[str, float] = {"min": 0.0, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p90": 0.9, "p99": 0.99}

MOST_NS = 10**13
"""Almost three hours: a run that seems to take longer shows that the clock jumped."""

_GROUPS = 10


def _read_visits(value: Any) -> Any:
    """Visits from their text form: runs separated by spaces, visits by commas."""
    if not isinstance(value, str):
        return value
    return tuple(tuple(int(run) for run in visit.split()) for visit in value.split(","))


def _write_visits(visits: tuple[tuple[int, ...], ...]) -> str:
    return ",".join(" ".join(map(str, visit)) for visit in visits)


Nanoseconds = Annotated[int, Field(gt=0, le=MOST_NS)]
Visits = Annotated[
    tuple[Annotated[tuple[Nanoseconds, ...], Field(min_length=1)], ...],
    Field(min_length=1),
    BeforeValidator(_read_visits),
    PlainSerializer(_write_visits, return_type=str, when_used="json"),
]


def read_quantile(text: str) -> Quantile:
    """The quantile that a user named. Raises `UsageError` if it is none that can be measured."""
    for quantile in LEAST_SAMPLES:
        if text == quantile:
            return quantile
    raise UsageError(f"unknown quantile {text!r}", suggest(text, tuple(LEAST_SAMPLES)))


def plan_for(quantile: str, plan: SamplingPlan) -> SamplingPlan:
    """The plan with at least as many rounds as it takes to speak of a quantile.

    Raises:
        UsageError: it is not one that can be measured, or the plan leaves out moments that belong to a tail.
    """
    listed = read_quantile(quantile)
    if listed in TAILS and plan.steady:
        raise UsageError(
            f"{listed} speaks of every moment, and --steady throws away those in which others slowed the processor down",
            "leave --steady (or steady = true) away, or ask for p50",
        )
    return plan.model_copy(update={"rounds": max(plan.rounds, -(-LEAST_SAMPLES[listed] // plan.runs))})


class Samples(Part):
    """How long each timed run took, by visit in the order of time."""

    visits_ns: Visits

    @cached_property
    def seconds(self) -> np.ndarray:
        """Every sample."""
        return np.array([run for visit in self.visits_ns for run in visit], dtype=float) * 1e-9

    @property
    def count(self) -> int:
        return len(self.seconds)

    def statistic(self, name: Statistic | Quantile) -> float:
        """A statistic of the samples, in seconds."""
        return float(np.quantile(self.seconds, SHARES[name]))

    def quantile(self, name: Quantile) -> Duration:
        """The latency that this share of runs stays below.

        Raises:
            UnstableMeasurementError: there are too few samples to speak of it.
        """
        if self.count < LEAST_SAMPLES[name]:
            raise UnstableMeasurementError(
                f"{self.count} samples say nothing about {name}", f"it needs {LEAST_SAMPLES[name]}; measure more rounds"
            )
        return Duration(self.statistic(name))

    def can_tell(self, name: Quantile) -> bool:
        """Whether there are enough samples for a quantile."""
        return self.count >= LEAST_SAMPLES[name]

    @property
    def p50(self) -> Duration:
        return self.quantile("p50")

    @property
    def p90(self) -> Duration:
        return self.quantile("p90")

    @property
    def spread(self) -> float:
        """The interquartile range over the median."""
        low, middle, high = np.quantile(self.seconds, (0.25, 0.5, 0.75))
        return float((high - low) / middle)

    def halves(self) -> tuple[Samples, Samples]:
        """The visits of the first half of the time, and those of the second."""
        middle = max(1, len(self.visits_ns) // 2)
        return Samples(visits_ns=self.visits_ns[:middle]), Samples(visits_ns=self.visits_ns[middle:] or self.visits_ns)

    def split_half(self, name: Statistic | Quantile = "p50") -> float:
        """How far the two halves disagree about a statistic, relative to it."""
        first, second = (half.statistic(name) for half in self.halves())
        return abs(first - second) / self.statistic(name)

    def standard_error(self, name: Statistic | Quantile) -> float:
        """The standard error of a statistic in seconds, from groups of visits: runs of one visit are not independent."""
        groups = min(_GROUPS, len(self.visits_ns))
        if groups < 2:
            return math.inf
        parts = [Samples(visits_ns=self.visits_ns[start::groups]).statistic(name) for start in range(groups)]
        return float(np.std(parts, ddof=1) / math.sqrt(groups))
