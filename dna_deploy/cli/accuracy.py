"""A calibrated rating as the accuracy that it predicts: for a person, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dna_deploy.records.rating_calibration import RatingCalibration
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.search_outcome import FoundNetwork


def accuracy_of(rating: float) -> float:
    """The share of right answers, by a rating that is the share of wrong ones in percent."""
    return 1 - rating / 100


def accuracy_values(best: FoundNetwork, table: RatingTable, path: Path) -> dict[str, object]:
    """The keys of JSON about a network's predicted accuracy; none where its ratings are not calibrated."""
    if not table.is_calibrated:
        return {}
    calibration = _calibration(table, path)
    told: dict[str, object] = {
        "predicted_accuracy": accuracy_of(best.rating),
        "predicted_accuracy_standard_error": _error(best),
    }
    if calibration is None:
        return told
    return {**told, "predicted_accuracy_interval": _interval(best, calibration), "leave_one_out_error": calibration.error}


def accuracy_line(best: FoundNetwork, table: RatingTable, path: Path) -> str:
    """A network's predicted accuracy and how far to believe it; empty where its ratings are not calibrated."""
    if not table.is_calibrated:
        return ""
    calibration, told = _calibration(table, path), f"predicted accuracy after a short training: {accuracy_of(best.rating):.1%}"
    if calibration is None:
        return f"{told} ± {_error(best):.1%} (standard error)"
    low, high = _interval(best, calibration)
    return (
        f"{told}, 95 % interval {low:.1%} to {high:.1%}\n"
        f"networks left out of the fit were predicted {calibration.error:.1%} off (root mean square)"
    )


def _error(best: FoundNetwork) -> float:
    return best.rating_standard_error / 100


def _interval(best: FoundNetwork, calibration: RatingCalibration) -> tuple[float, float]:
    accuracy, reach = accuracy_of(best.rating), calibration.reach(_error(best))
    return max(0.0, accuracy - reach), min(1.0, accuracy + reach)


def _calibration(table: RatingTable, path: Path) -> RatingCalibration | None:
    """The record of the table's calibration, if it lies beside it."""
    from dna_deploy.records.rating_calibration import RatingCalibration, calibration_beside

    beside = calibration_beside(path)
    if not beside.exists():
        return None
    record = RatingCalibration.read(beside)
    return record if record.calibrated == table.digest else None
