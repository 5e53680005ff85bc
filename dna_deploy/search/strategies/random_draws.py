"""The baseline of every strategy: feasible networks drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.genome import Genomes

_BATCH = 16


class RandomDraws:
    """Draws networks until nobody asks any more."""

    def __init__(self, genomes: Genomes, seed: int) -> None:
        self._genomes, self._rng = genomes, np.random.default_rng(seed)

    def ask(self) -> NDArray[np.intp]:
        return np.stack([self._genomes.random(self._rng) for _ in range(_BATCH)])

    def tell(self, ratings: NDArray[np.float64]) -> None:
        pass
