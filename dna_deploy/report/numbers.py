"""Numbers as a reader wants them: one unit a column, as many digits as the largest value deserves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from dna_deploy.records.score import Metric
from dna_deploy.units import Duration

NOTHING = "\N{EN DASH}"
"""What stands in a cell that has no value."""

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MINUS = "\N{MINUS SIGN}"
_UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


@dataclass(frozen=True)
class TimeScale:
    """One unit and one number of decimals for times that stand beside each other."""

    unit: str
    seconds: float
    decimals: int

    @classmethod
    def of(cls, seconds: Iterable[float], digits: int = 4) -> Self:
        """The scale in which the largest of some times has so many significant digits."""
        largest = max((abs(value) for value in seconds), default=0.0)
        unit, size = next((pair for pair in _UNITS if largest >= pair[1]), _UNITS[-1])
        before = math.floor(math.log10(largest / size)) + 1 if largest > 0 else 1
        return cls(unit, size, max(0, digits - before))

    def value(self, seconds: float) -> float:
        """A time as a number of this unit."""
        return seconds / self.seconds

    def bare(self, seconds: float) -> str:
        """A time without its unit, for a column that names it."""
        return signed(f"{self.value(seconds):.{self.decimals}f}")

    def text(self, seconds: float) -> str:
        """A time with its unit."""
        return f"{self.bare(seconds)} {self.unit}"


def time_text(seconds: float) -> str:
    """One time that stands alone."""
    sign = _MINUS if seconds < 0 else ""
    return f"{sign}{Duration(abs(seconds))}".replace(" us", " µs")


def share_text(share: float, decimals: int = 1) -> str:
    """A share in percent."""
    return signed(f"{share * 100:.{decimals}f} %")


def metric_number(metric: Metric) -> str:
    """The value of a metric."""
    return signed(metric.text(metric.value)).replace("%", " %")


def metric_interval(metric: Metric) -> str:
    """Its 95 % interval; the unit stands once."""
    low = metric.text(metric.low).removesuffix(metric.unit)
    return signed(f"{low} to {metric.text(metric.high)}").replace("%", " %")


def metric_text(metric: Metric) -> str:
    """A metric that stands alone."""
    return f"{metric_number(metric)} of {metric.images:,} (95 % interval {metric_interval(metric)})"


def change_text(share: float, decimals: int = 1) -> str:
    """A relative change in percent, always with its sign."""
    return signed(f"{share * 100:+.{decimals}f} %")


def count_text(count: int) -> str:
    """How many there are: to the last one, or as a power of ten where nobody would count."""
    if count < 10**10:
        return f"{count:,}"
    exponent = len(str(count)) - 1
    return f"{count / 10**exponent:.2f} \N{MULTIPLICATION SIGN} 10" + str(exponent).translate(_RAISED)


def rating_decimals(ratings: Iterable[float]) -> int:
    """Decimals that keep neighbouring ratings apart: three digits of their range."""
    values = list(ratings)
    width = max(values, default=0.0) - min(values, default=0.0)
    return min(6, max(2, 3 - math.floor(math.log10(width)))) if width > 0 else 4


def short_digest(digest: str) -> str:
    """The start of a digest: enough to recognise it by."""
    return digest.removeprefix("sha256:")[:12]


def signed(text: str) -> str:
    """A number with a true minus sign."""
    return text.replace("-", _MINUS)
