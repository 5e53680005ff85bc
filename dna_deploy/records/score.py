"""What a number about a network means: its name, which way is better, and how it is written; and such numbers, measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, stdev
from typing import Any, Literal, TypeAlias

from pydantic import Field

from dna_deploy.records.files import Part

Better: TypeAlias = Literal["higher", "lower"]

_DEVIATIONS = NormalDist().inv_cdf(0.975)
"""Half of a 95 % interval, in standard errors."""


class ScoreKind(Part):
    """The meaning of a number. With the unit '%' the number itself is a share, between 0 and 1."""

    name: str
    better: Better = "higher"
    unit: str = Field("", description="'%' where the number is a share")
    decimals: int | None = Field(None, ge=0, description="digits behind the point in text; null: five significant ones")

    @property
    def is_share(self) -> bool:
        return self.unit == "%"

    @property
    def axis(self) -> str:
        """Name and unit, for the label of an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def key(self) -> str:
        """The name as a key of JSON."""
        return self.name.replace(",", "").replace(" ", "_")

    @property
    def factor(self) -> float:
        """What a number is multiplied by to stand before the unit."""
        return 100.0 if self.is_share else 1.0

    @property
    def origin(self) -> float:
        """The number that a rating of 0 stands for."""
        return 1.0 if self.is_share and self.better == "higher" else 0.0

    def of_rating(self, rating: float) -> float:
        """The number that a rating predicts. Ratings are lower where networks are better, and shares are in percent there."""
        return self.origin - rating / self.factor if self.better == "higher" else rating / self.factor

    def merit_of(self, value: float) -> float:
        """The number with its sign such that more is better."""
        return value if self.better == "higher" else -value

    def text(self, value: float, decimals: int | None = None) -> str:
        """A number of this kind with its unit: ``91.03%``, ``0.412``."""
        digits = self.decimals if decimals is None else decimals
        number = f"{self.factor * value:.5g}" if digits is None else f"{self.factor * value:.{digits}f}"
        return f"{number}{self.unit}"

    def difference(self, value: float, standard_error: float) -> str:
        """How much one number is above another: ``+1.20 ± 0.35 points``."""
        digits, unit = 2 if self.decimals is None else self.decimals, " points" if self.is_share else self.unit
        return f"{self.factor * value:+.{digits}f} ± {self.factor * standard_error:.{digits}f}{unit}"


class Metric(ScoreKind):
    """How good a network is on some images, by one measure, with its 95 % interval."""

    value: float
    low: float
    high: float
    images: int = Field(gt=0)
    count: int | None = Field(None, ge=0, description="of a share of images: how many")

    @property
    def merit(self) -> float:
        """The value with its sign such that more is better."""
        return self.merit_of(self.value)

    def __str__(self) -> str:
        interval = f"95 % interval {self.text(self.low)} to {self.text(self.high)}"
        return f"{self.text(self.value)} of {self.images:,} ({interval})"


class Score(Part):
    """How good a network is to a rater. ``further`` is what else it says of the same network."""

    value: float
    standard_error: float | None = Field(None, ge=0, description="over images; None where a rater cannot tell")
    kind: ScoreKind
    further: tuple[Score, ...] = ()

    @property
    def cost(self) -> float:
        """What a search makes small: the value, or what it lacks where more is better."""
        return self.value if self.kind.better == "lower" else self.kind.origin - self.value

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f" ± {self.kind.text(self.standard_error)}"
        return f"{self.kind.text(self.value)}{error}"


Metrics: TypeAlias = tuple[Metric, ...]
"""Of one network on the same images; the first decides which epoch, and which network, is best."""


ACCURACY = ScoreKind(name="accuracy", unit="%", decimals=2)
"""The share of images whose class a network finds."""

RATING = ScoreKind(name="rating", better="lower")
"""What a rating is that promises no number of the trained network."""


def predicted(kind: ScoreKind) -> ScoreKind:
    """What a calibrated rating stands for: a metric that a network was not trained for yet."""
    return ScoreKind(name=f"predicted {kind.name}", better=kind.better, unit=kind.unit, decimals=kind.decimals)


def share(kind: ScoreKind, count: int, images: int) -> Metric:
    """The metric of a network that is right on ``count`` of some images, with the interval of Wilson (1927)."""
    value, squared = count / images, _DEVIATIONS**2 / images  # by hand, since scipy takes a second to import
    middle = (value + squared / 2) / (1 + squared)
    reach = _DEVIATIONS * math.sqrt(value * (1 - value) / images + squared / (4 * images)) / (1 + squared)
    low, high = 0.0 if count == 0 else middle - reach, 1.0 if count == images else middle + reach
    return Metric(**kind.model_dump(), value=value, low=low, high=high, images=images, count=count)


def mean(kind: ScoreKind, values: Sequence[float]) -> Metric:
    """The metric that is the mean of a number an image, with the interval of a normal distribution."""
    value = fmean(values)
    reach = _DEVIATIONS * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Metric(**kind.model_dump(), value=value, low=value - reach, high=value + reach, images=len(values))


def of_accuracy(body: Mapping[str, Any]) -> dict[str, Any]:
    """What files said of an accuracy before they named their metrics, as they say it now; a reason why there is none stays."""
    if "reason" in body:
        return dict(body)
    return share(ACCURACY, body["correct"], body["images"]).model_dump(mode="json")
