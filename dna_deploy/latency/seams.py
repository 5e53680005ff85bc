"""What a layer costs alone and not between others, told by whole networks, and taken off every row.

A layer that is timed alone pays at both ends of its graph, such as for turning the memory layout of maps, for what a network
pays at its own ends. On one processor networks of 5 to 11 small layers were 4.5, 4.0 and 4.5 % off in three tables, and 2.4 to
2.5 % where 3 to 4.5 us were taken off each of the layers; on another it made no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dna_deploy.latency.calibrate import fit_sums

LEAST_SHARE = 0.2
"""Of a row that stays: nothing is free."""

LEAST_NETWORKS = 8
"""With fewer there is nothing to choose by."""

CLAMPED = 0.1
"""So large a share of rows may be so small that less is taken off them."""

GAIN = 0.1
"""By how much less networks that were left out must be off, relative, or nothing is taken off: ten see much in noise."""

_PENALTY = 0.01
"""On the square of what is taken off, in mean rows: settles what networks with equally many layers cannot tell."""

_STEPS = 64


@dataclass(frozen=True)
class WholeNetworks:
    """Networks that were timed whole, and the rows of their layers."""

    layers: tuple[tuple[int, ...], ...]
    """Places among the rows, of each network."""
    rows_s: NDArray[np.float64]
    latencies_s: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.latencies_s)

    def without(self, network: int) -> WholeNetworks:
        """All but one."""
        after = network + 1
        return WholeNetworks(
            self.layers[:network] + self.layers[after:],
            self.rows_s,
            self.latencies_s[:network] + self.latencies_s[after:],
        )

    def sums_s(self, seam_s: float) -> list[float]:
        """Sums of rows of each network, once so much was taken off every row."""
        rows = taken_off(self.rows_s, seam_s).tolist()
        return [sum(rows[place] for place in places) for places in self.layers]


def taken_off(rows_s: NDArray[np.float64], seam_s: float) -> NDArray[np.float64]:
    """Rows less what they cost alone; a share of each stays."""
    return np.maximum(rows_s - seam_s, LEAST_SHARE * rows_s)


def fit_seam(networks: WholeNetworks) -> tuple[float, tuple[float, ...]]:
    """What every layer costs alone and not in a network, in seconds, and the same with each network left out in turn.

    Zero, unless networks that are left out are predicted better by it, by `GAIN`.
    """
    count = len(networks)
    nothing = (0.0,) * count
    if count < LEAST_NETWORKS:
        return 0.0, nothing
    left_out = tuple(_best_seam(networks.without(network)) for network in range(count))
    if _off(networks, left_out) > (1 - GAIN) * _off(networks, nothing):
        return 0.0, nothing
    return _best_seam(networks), left_out


def _best_seam(networks: WholeNetworks) -> float:
    mean_s, most_s = float(networks.rows_s.mean()), float(np.quantile(networks.rows_s, CLAMPED)) / (1 - LEAST_SHARE)

    def badness(seam_s: float) -> float:
        sums, latencies = networks.sums_s(seam_s), networks.latencies_s
        scale, offset_s = fit_sums(sums, latencies)
        errors = ((offset_s + scale * total) / latency - 1 for total, latency in zip(sums, latencies, strict=True))
        return sum(error**2 for error in errors) + _PENALTY * (seam_s / mean_s) ** 2

    return min((float(seam_s) for seam_s in np.linspace(0, most_s, _STEPS + 1)), key=badness)


def _off(networks: WholeNetworks, seams_s: Sequence[float]) -> float:
    """The root mean square of leave-one-out errors, each with what is taken off where that network is left out."""
    squares = []
    for network, seam_s in enumerate(seams_s):
        others = networks.without(network)
        scale, offset_s = fit_sums(others.sums_s(seam_s), others.latencies_s)
        squares.append(((offset_s + scale * networks.sums_s(seam_s)[network]) / networks.latencies_s[network] - 1) ** 2)
    return float(np.mean(squares) ** 0.5)
