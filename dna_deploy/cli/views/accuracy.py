"""A calibrated rating as the accuracy that it predicts: for a person, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dna_deploy.records.rating_calibration import RatingCalibration
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.search_outcome import FoundNetwork


def accuracy_of(rating: float) -> float:
    """The share of right answers, by a rating that is the share of wrong ones in percent."""
    return 1 - rating / 100


@dataclass(frozen=True)
class PredictedAccuracy:
    """The accuracy that a table predicts of a network, if its ratings are calibrated; ``path`` is the table's."""

    best: FoundNetwork
    table: RatingTable
    path: Path

    @property
    def values(self) -> dict[str, object]:
        """The keys of JSON; none where the ratings are not calibrated."""
        if not self.table.is_calibrated:
            return {}
        values: dict[str, object] = {
            "predicted_accuracy": accuracy_of(self.best.rating),
            "predicted_accuracy_standard_error": self._error,
        }
        if self._calibration is None:
            return values
        interval, error = self._interval(self._calibration), self._calibration.error
        return {**values, "predicted_accuracy_interval": interval, "leave_one_out_error": error}

    @property
    def text(self) -> str:
        """The accuracy and how far to believe it; empty where the ratings are not calibrated."""
        if not self.table.is_calibrated:
            return ""
        text = f"predicted accuracy after a short training: {accuracy_of(self.best.rating):.1%}"
        if self._calibration is None:
            return f"{text} ± {self._error:.1%} (standard error)"
        low, high = self._interval(self._calibration)
        return (
            f"{text}, 95 % interval {low:.1%} to {high:.1%}\n"
            f"networks left out of the fit were predicted {self._calibration.error:.1%} off (root mean square)"
        )

    @property
    def _error(self) -> float:
        return self.best.rating_standard_error / 100

    def _interval(self, calibration: RatingCalibration) -> tuple[float, float]:
        accuracy, reach = accuracy_of(self.best.rating), calibration.reach(self._error)
        return max(0.0, accuracy - reach), min(1.0, accuracy + reach)

    @cached_property
    def _calibration(self) -> RatingCalibration | None:
        """The record of the table's calibration, if it lies beside it."""
        from dna_deploy.records.rating_calibration import RatingCalibration, calibration_beside

        beside = calibration_beside(self.path)
        if not beside.exists():
            return None
        record = RatingCalibration.read(beside)
        return record if record.calibrated == self.table.digest else None
