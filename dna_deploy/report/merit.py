"""How ratings are told: as they are, where lower is better; or where they are calibrated, as the accuracy that they predict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dna_deploy.records.rating_calibration import RatingCalibration
from dna_deploy.report.numbers import rating_decimals, share_text, signed

_PERCENT = 100.0


@dataclass(frozen=True)
class Merit:
    """The words and numbers for the ratings of one table.

    A calibrated rating is the share of wrong answers in percent that is expected of a network; a block's is its part of it.
    """

    is_calibrated: bool = False
    calibration: RatingCalibration | None = None
    """How well the predictions of a calibrated table hold; None where its record was not found."""

    @property
    def name(self) -> str:
        return "predicted accuracy" if self.is_calibrated else "rating"

    @property
    def unit(self) -> str:
        """What stands behind the number of a network."""
        return " %" if self.is_calibrated else ""

    @property
    def axis(self) -> str:
        """The label of an axis of networks."""
        return "predicted accuracy (%)" if self.is_calibrated else "rating (lower is better)"

    @property
    def part(self) -> str:
        """What the rating of a block's candidate is, as `shown_part` says it."""
        return "accuracy it adds (points)" if self.is_calibrated else "rating"

    @property
    def advice(self) -> str:
        """How to read it."""
        if self.is_calibrated:
            return "The accuracy is that after a short training; a full one ends higher."
        return "A lower rating is better."

    def shown(self, rating: float) -> float:
        """The number of a network."""
        return _PERCENT - rating if self.is_calibrated else rating

    def shown_part(self, rating: float, mean: float) -> float:
        """The number of a candidate, in whose block ratings have a mean."""
        return mean - rating if self.is_calibrated else rating

    def decimals(self, ratings: Iterable[float]) -> int:
        """Decimals that keep neighbouring numbers apart, and say no more."""
        return 2 if self.is_calibrated else rating_decimals(ratings)

    def text(self, rating: float, decimals: int | None = None) -> str:
        """The number of a network, in a row of others where ``decimals`` is given."""
        if self.is_calibrated:
            return f"{self.shown(rating):.{2 if decimals is None else decimals}f} %"
        return f"{rating:.5g}" if decimals is None else f"{rating:.{decimals}f}"

    def reach(self, standard_error: float) -> float | None:
        """Half of the 95 % interval around a predicted accuracy, in points; None where it is not known."""
        if self.calibration is None:
            return None
        return _PERCENT * self.calibration.reach(standard_error / _PERCENT)

    def spread(self, rating: float, standard_error: float) -> str:
        """How sure the number of a network is."""
        if not self.is_calibrated:
            return f"± {standard_error:.2g}"
        reach, shown = self.reach(standard_error), self.shown(rating)
        if reach is None:
            return f"± {standard_error:.2f} (standard error)"
        low, high = max(0.0, shown - reach), min(_PERCENT, shown + reach)
        return f"{low:.2f} to {high:.2f} %"

    def with_spread(self, rating: float, standard_error: float) -> str:
        """The number of a network and how sure it is, in words."""
        spread = self.spread(rating, standard_error)
        if not self.is_calibrated:
            return f"{self.text(rating)} {spread} (standard error; lower is better)"
        return f"{self.text(rating)}, after a short training" + (
            f" (95 % interval {spread})" if self.calibration else f" {spread}"
        )

    def part_text(self, rating: float, mean: float, decimals: int) -> str:
        """The number of a candidate, whose sign counts where it is a difference."""
        sign = "+" if self.is_calibrated else ""
        return signed(f"{self.shown_part(rating, mean):{sign}.{decimals}f}")

    @property
    def error_text(self) -> str:
        """How far predictions of unseen networks are off; empty where it is not known."""
        if self.calibration is None:
            return ""
        return f"Networks left out of the fit were predicted {share_text(self.calibration.error)} off (root mean square)."
