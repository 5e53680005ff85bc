"""The baseline of every strategy: feasible networks drawn at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.networks import Networks
from dna_deploy.spaces.architecture import Architecture

_BATCH = 16


class RandomDraws:
    """Draws networks until nobody asks any more."""

    def __init__(self, networks: Networks, seed: int) -> None:
        self._networks, self._rng = networks, np.random.default_rng(seed)

    def ask(self) -> Sequence[Architecture]:
        return [self._networks.random(self._rng) for _ in range(_BATCH)]

    def tell(self, ratings: NDArray[np.float64]) -> None:
        pass
