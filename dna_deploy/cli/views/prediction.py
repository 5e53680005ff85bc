"""A calibrated rating as the metric that it predicts: for a person, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dna_deploy.records.rating_calibration import RatingCalibration
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.score import ScoreKind
    from dna_deploy.records.search_outcome import FoundNetwork


def prediction_values(rating: float, kind: ScoreKind) -> dict[str, object]:
    """The key of JSON about what a rating predicts; none where it predicts nothing but itself."""
    from dna_deploy.records.score import RATING

    return {} if kind == RATING else {kind.key: kind.of_rating(rating)}


def network_values(best: FoundNetwork, table: RatingTable, path: Path) -> dict[str, object]:
    """The keys of JSON about what is predicted of a network; none where its ratings are not calibrated."""
    values, key = prediction_values(best.rating, table.score), table.score.key
    if not values:
        return {}
    values[f"{key}_standard_error"] = _error(best, table.score)
    if calibration := _calibration(table, path):
        values |= {f"{key}_interval": _interval(best, calibration, table.score), "leave_one_out_error": calibration.error}
    return values


def network_line(best: FoundNetwork, table: RatingTable, path: Path) -> str:
    """What is predicted of a network and how far to believe it; empty where its ratings are not calibrated."""
    kind = table.score
    if not prediction_values(best.rating, kind):
        return ""
    decimals, calibration = 1 if kind.is_share else None, _calibration(table, path)
    line = f"{kind.name} after a short training: {kind.text(kind.of_rating(best.rating), decimals)}"
    if calibration is None:
        return f"{line} ± {kind.text(_error(best, kind), decimals)} (standard error)"
    low, high = (kind.text(end, decimals) for end in _interval(best, calibration, kind))
    return (
        f"{line}, 95 % interval {low} to {high}\n"
        f"networks left out of the fit were predicted {kind.text(calibration.error, decimals)} off (root mean square)"
    )


def _error(best: FoundNetwork, kind: ScoreKind) -> float:
    return best.rating_standard_error / kind.factor


def _interval(best: FoundNetwork, calibration: RatingCalibration, kind: ScoreKind) -> tuple[float, float]:
    value, reach = kind.of_rating(best.rating), calibration.reach(_error(best, kind))
    return max(0.0, value - reach), min(1.0, value + reach) if kind.is_share else value + reach


def _calibration(table: RatingTable, path: Path) -> RatingCalibration | None:
    """The record of the table's calibration, if it lies beside it."""
    from dna_deploy.records.rating_calibration import RatingCalibration, calibration_beside

    beside = calibration_beside(path)
    if not beside.exists():
        return None
    record = RatingCalibration.read(beside)
    return record if record.calibrated == table.digest else None
