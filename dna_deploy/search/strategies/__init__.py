"""Ways to look for a good network when only whole networks can be rated: ask for some, tell how they rate.

A strategy is one file and one line here; third parties offer theirs as entry points ``dna_deploy.strategies``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.networks import Networks
from dna_deploy.spaces.architecture import Architecture

STRATEGIES = {
    "ageing": "dna_deploy.search.strategies.ageing:Ageing",
    "evolution": "dna_deploy.search.strategies.evolution:Evolution",
    "random": "dna_deploy.search.strategies.random_draws:RandomDraws",
}
"""Name -> class, called with ``(networks, seed)``."""


class Strategy(Protocol):
    """Proposes networks. Equal seeds and equal ratings give equal proposals, so that a log of ratings resumes a search."""

    def ask(self) -> Sequence[Architecture]:
        """The next networks to rate, all of which keep the limits; none when it has no more ideas."""
        ...

    def tell(self, ratings: NDArray[np.float64]) -> None:
        """The ratings of the networks last asked for, ``(networks,)``; lower is better."""
        ...


class StrategyFactory(Protocol):
    """Makes a strategy.

    Raises:
        UsageError: the strategy needs more of the space than its networks, such as genomes.
    """

    def __call__(self, networks: Networks, seed: int) -> Strategy: ...
