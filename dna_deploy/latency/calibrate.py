"""Two numbers that turn sums of rows into latencies of networks, fitted on whole networks, with their honest error."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dna_deploy.records.latency_table import Calibration
from dna_deploy.records.samples import Quantile

LEAST_NETWORKS = 3
"""Two numbers need more than two networks, or nothing is left to tell the error."""


def fit(sums_s: Sequence[float], latencies_s: Sequence[float]) -> tuple[float, float]:
    """``(scale, offset_s)`` with the least sum of squared relative errors."""
    sums, latencies = np.asarray(sums_s), np.asarray(latencies_s)
    design = np.stack([sums / latencies, 1 / latencies], axis=1)
    (scale, offset), *_ = np.linalg.lstsq(design, np.ones(len(sums)), rcond=None)
    if scale <= 0:
        # Networks that hardly differ cannot tell a slope: keep the table's own.
        return 1.0, float(np.mean(latencies - sums))
    return float(scale), float(offset)


def calibrate(quantile: Quantile, sums_s: Sequence[float], latencies_s: Sequence[float]) -> Calibration:
    """The calibration of a quantile, with its leave-one-out error."""
    errors = []
    for left_out in range(len(sums_s)):
        others = [index for index in range(len(sums_s)) if index != left_out]
        scale, offset = fit([sums_s[index] for index in others], [latencies_s[index] for index in others])
        errors.append((offset + scale * sums_s[left_out]) / latencies_s[left_out] - 1)
    scale, offset = fit(sums_s, latencies_s)
    return Calibration(
        quantile=quantile,
        scale=scale,
        offset_s=offset,
        networks=len(sums_s),
        relative_error=math.sqrt(sum(error**2 for error in errors) / len(errors)),
    )
