"""Ways to look for a good network when only whole networks can be rated: ask for some, tell how they rate.

A strategy is one file and one line here; third parties offer theirs as entry points ``dna_deploy.strategies``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.genome import Genomes

STRATEGIES = {
    "evolution": "dna_deploy.search.strategies.evolution:Evolution",
    "random": "dna_deploy.search.strategies.random_draws:RandomDraws",
}
"""Name -> class, called with ``(genomes, seed)``."""


class Strategy(Protocol):
    """Proposes genomes. Equal seeds and equal ratings give equal proposals, so that a log of ratings resumes a search."""

    def ask(self) -> NDArray[np.intp]:
        """The next genomes to rate, all feasible, ``(networks, genes)``; none when it has no more ideas."""
        ...

    def tell(self, ratings: NDArray[np.float64]) -> None:
        """The ratings of the genomes last asked for; lower is better."""
        ...


class StrategyFactory(Protocol):
    """Makes a strategy."""

    def __call__(self, genomes: Genomes, seed: int) -> Strategy: ...
