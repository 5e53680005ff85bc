"""Two numbers that turn sums of rows into latencies of networks, fitted on whole networks, with their honest error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from dna_deploy.records.latency_table import Calibration
from dna_deploy.records.samples import Quantile

LEAST_NETWORKS = 3
"""Two numbers need more than two networks, or nothing is left to tell the error."""

_NEGATIVE_SHARE = 0.5
"""A network of this share of the smallest sum must still take time, or the offset is noise."""

_NORMAL_975 = 1.96


def fit_sums(sums_s: Sequence[float], latencies_s: Sequence[float]) -> tuple[float, float]:
    """``(scale, offset_s)`` with the least sum of squared relative errors."""
    sums, latencies = np.asarray(sums_s), np.asarray(latencies_s)
    (scale, offset), *_ = np.linalg.lstsq(_design(sums, latencies), np.ones(len(sums)), rcond=None)
    if scale <= 0:
        # Networks that hardly differ cannot tell a slope: keep the table's own.
        return 1.0, float(np.mean(latencies - sums))
    if offset < -_NEGATIVE_SHARE * scale * sums.min():
        # Small networks would take less than no time: one factor is all that such measurements tell.
        ratios = sums / latencies
        return float(ratios.sum() / (ratios**2).sum()), 0.0
    return float(scale), float(offset)


def calibrate_sums(
    quantile: Quantile,
    sums_s: Sequence[float],
    latencies_s: Sequence[float],
    without: Sequence[Sequence[float]] | None = None,
) -> Calibration:
    """The calibration of a quantile, with its leave-one-out errors and how sure the two numbers are.

    Args:
        quantile: Which one the latencies are.
        sums_s: Sums of rows, a network each.
        latencies_s: What the networks took.
        without: The sums once more for each network that is left out, where rows were chosen by the others alone.
    """
    errors = []
    for left_out in range(len(sums_s)):
        sums = sums_s if without is None else without[left_out]
        others = [index for index in range(len(sums)) if index != left_out]
        scale, offset = fit_sums([sums[index] for index in others], [latencies_s[index] for index in others])
        errors.append((offset + scale * sums[left_out]) / latencies_s[left_out] - 1)
    relative_error = math.sqrt(sum(error**2 for error in errors) / len(errors))
    scale, offset = fit_sums(sums_s, latencies_s)
    order = sorted(range(len(sums_s)), key=lambda index: sums_s[index])
    return Calibration(
        quantile=quantile,
        scale=scale,
        offset_s=offset,
        networks=len(sums_s),
        relative_error=relative_error,
        sums_s=tuple(sums_s[index] for index in order),
        errors=tuple(errors[index] for index in order),
        covariance=_covariance(np.asarray(sums_s), np.asarray(latencies_s), relative_error),
        # Few networks tell their own spread badly: Student's t, at the confidence of 95 % that is mostly asked.
        inflation=float(stdtrit(max(1, len(sums_s) - 2), 0.975)) / _NORMAL_975,
    )


def _design(sums: NDArray[np.float64], latencies: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([sums / latencies, 1 / latencies], axis=1)


def _covariance(sums: NDArray[np.float64], latencies: NDArray[np.float64], relative_error: float) -> tuple[float, float, float]:
    """Of scale and offset: the variance of the first, what they have in common, the variance of the second.

    Networks that were fitted are off by too little where rows were fitted on them too; those left out say how much it is.
    """
    design = _design(sums, latencies)
    matrix = relative_error**2 * np.linalg.pinv(design.T @ design)
    return float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1])
