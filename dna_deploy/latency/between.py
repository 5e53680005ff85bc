"""What layers take between others: rows that were timed alone, corrected by what whole networks took.

A layer that is timed alone pays at both ends of its graph, such as for turning the memory layout of maps, for what a network
pays at its own ends; and caches and neighbours make some layers dearer and others cheaper. So rows are a prior, whole networks
are the evidence, and the corrected rows are the mean of the posterior (Bayesian linear regression; Rasmussen and Williams,
Gaussian Processes for Machine Learning, 2006, chapter 2). How sure each is was chosen on two tables of `fashion`, one of
`catalogue` and one of `mbconv@128`, all of one processor; what it gains on a table: `benchmarks/latency/missing_terms.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COMMON_DEVIATION = 0.5
"""Of what every layer costs alone and not between others, in mean rows."""

ROW_DEVIATION = 0.1
"""Of what a layer takes between others beyond that, as a share of its row."""

NETWORK_DEVIATION = 0.01
"""Of what a network takes beyond the sum of its layers, as a share."""

_VAGUE = 10.0
"""Deviation of the scale, and of the offset in mean networks: nothing is known of them before."""

LEAST_SHARE, MOST_SHARE = 0.2, 2.0
"""Of a row that stays: nothing is free, and nothing is told by networks alone."""


@dataclass(frozen=True)
class WholeNetworks:
    """Networks that were timed whole, and the rows of their layers as they were timed alone."""

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

    def sums_s(self, rows_s: NDArray[np.float64]) -> list[float]:
        """Sums of such rows over the layers of each network."""
        rows = rows_s.tolist()
        return [sum(rows[place] for place in places) for places in self.layers]

    @property
    def shares(self) -> NDArray[np.float64]:
        """How much each row, a column, is of each network's latency, a line."""
        rows = len(self.rows_s)
        counts = np.stack([np.bincount(places, minlength=rows) for places in self.layers])
        shares: NDArray[np.float64] = counts * self.rows_s / np.array(self.latencies_s)[:, None]
        return shares


def rows_between(networks: WholeNetworks) -> NDArray[np.float64]:
    """What each layer takes in networks, in seconds, but for a scale and an offset that all share."""
    latencies, mean_s = np.array(networks.latencies_s), networks.rows_s.mean()
    shares = networks.shares
    sums, layers, ends = shares.sum(axis=1), shares @ (mean_s / networks.rows_s), latencies.mean() / latencies
    known = _VAGUE**2 * (np.outer(sums, sums) + np.outer(ends, ends)) + COMMON_DEVIATION**2 * np.outer(layers, layers)
    known += ROW_DEVIATION**2 * shares @ shares.T + NETWORK_DEVIATION**2 * np.eye(len(networks))
    surprise = np.linalg.solve(known, 1 - sums)
    scale = 1 + _VAGUE**2 * sums @ surprise
    if scale <= 0:
        return networks.rows_s  # networks that hardly differ tell nothing
    common_s = COMMON_DEVIATION**2 * (layers @ surprise) * mean_s
    own_s = ROW_DEVIATION**2 * (shares.T @ surprise) * networks.rows_s
    least, most = LEAST_SHARE * networks.rows_s, MOST_SHARE * networks.rows_s
    between: NDArray[np.float64] = np.clip(networks.rows_s + (common_s + own_s) / scale, least, most)
    return between
