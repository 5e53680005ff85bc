"""How ratings are told: as they are, or where they are calibrated, as the metric that they predict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dna_deploy.records.rating_calibration import RatingCalibration
from dna_deploy.records.score import RATING, ScoreKind
from dna_deploy.report.numbers import rating_decimals, signed


@dataclass(frozen=True)
class Merit:
    """The words and numbers for the ratings of one table."""

    kind: ScoreKind = RATING
    calibration: RatingCalibration | None = None
    """How well the predictions of a calibrated table hold; None where its record was not found."""

    @property
    def is_prediction(self) -> bool:
        """Whether a network's rating stands for a metric that it has after a training."""
        return self.kind != RATING

    @property
    def metric(self) -> str:
        """The name of what is predicted, or of the rating itself."""
        return self.kind.name.removeprefix("predicted ")

    @property
    def unit(self) -> str:
        """What stands behind the number of a network."""
        return f" {self.kind.unit}" if self.kind.unit else ""

    @property
    def points(self) -> str:
        """What stands behind a difference of two numbers."""
        return " points" if self.kind.is_share else ""

    @property
    def axis(self) -> str:
        """The label of an axis of networks."""
        return f"{self.kind.name} ({self.kind.unit or f'{self.kind.better} is better'})"

    @property
    def part(self) -> str:
        """What the rating of a block's candidate is, as `shown_part` says it."""
        adds = f"{self.metric} it adds (points)" if self.kind.is_share else f"{self.metric} it adds"
        return adds if self.is_prediction else self.metric

    @property
    def advice(self) -> str:
        """How to read it."""
        if self.is_prediction:
            return f"The {self.metric} is that after a short training; a full one ends {self.kind.better}."
        return f"A {self.kind.better} rating is better."

    def shown(self, rating: float) -> float:
        """The number of a network."""
        return self.kind.factor * self.kind.origin - rating if self.kind.better == "higher" else rating

    def shown_part(self, rating: float, mean: float) -> float:
        """The number of a candidate, in whose block ratings have a mean."""
        if not self.is_prediction:
            return rating
        return mean - rating if self.kind.better == "higher" else rating - mean

    def decimals(self, ratings: Iterable[float]) -> int:
        """Decimals that keep neighbouring numbers apart, and say no more."""
        return rating_decimals(ratings) if self.kind.decimals is None else self.kind.decimals

    def text(self, rating: float, decimals: int | None = None) -> str:
        """The number of a network, in a row of others where ``decimals`` is given."""
        digits = self.kind.decimals if decimals is None else decimals
        return f"{self.shown(rating):{'.5g' if digits is None else f'.{digits}f'}}{self.unit}"

    def reach(self, standard_error: float) -> float | None:
        """Half of the 95 % interval around a predicted number, as `shown`; None where it is not known."""
        if self.calibration is None:
            return None
        return self.kind.factor * self.calibration.reach(standard_error / self.kind.factor)

    def spread(self, rating: float, standard_error: float) -> str:
        """How sure the number of a network is."""
        if not self.is_prediction:
            return f"± {standard_error:.2g}"
        reach, shown, digits = self.reach(standard_error), self.shown(rating), self.decimals(())
        if reach is None:
            return f"± {standard_error:.{digits}f} (standard error)"
        low, high = max(0.0, shown - reach), min(self.kind.factor, shown + reach) if self.kind.is_share else shown + reach
        return f"{low:.{digits}f} to {high:.{digits}f}{self.unit}"

    def with_spread(self, rating: float, standard_error: float) -> str:
        """The number of a network and how sure it is, in words."""
        spread = self.spread(rating, standard_error)
        if not self.is_prediction:
            return f"{self.text(rating)} {spread} (standard error; {self.kind.better} is better)"
        return f"{self.text(rating)}, after a short training" + (
            f" (95 % interval {spread})" if self.calibration else f" {spread}"
        )

    def part_text(self, rating: float, mean: float, decimals: int) -> str:
        """The number of a candidate, whose sign counts where it is a difference."""
        sign = "+" if self.is_prediction else ""
        return signed(f"{self.shown_part(rating, mean):{sign}.{decimals}f}")

    @property
    def error_text(self) -> str:
        """How far predictions of unseen networks are off; empty where it is not known."""
        if self.calibration is None:
            return ""
        error = self.kind.text(self.calibration.error, 1 if self.kind.is_share else None).replace("%", " %")
        return f"Networks left out of the fit were predicted {error} off (root mean square)."
