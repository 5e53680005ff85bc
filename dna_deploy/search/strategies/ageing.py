"""Ageing evolution (Real et al., arXiv 1802.01548): the best of a few is changed, the oldest dies. For any kind of space."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.networks import Networks
from dna_deploy.spaces.architecture import Architecture

_POPULATION, _CONTEST, _CHILDREN = 32, 8, 8
_TRIES = 8


class Ageing:
    """Starts from networks drawn at random; a child is the winner of a contest, changed."""

    def __init__(self, networks: Networks, seed: int) -> None:
        self._networks, self._rng = networks, np.random.default_rng(seed)
        self._population: deque[tuple[float, Architecture]] = deque(maxlen=_POPULATION)
        self._asked: Sequence[Architecture] = ()
        self._seen: set[Architecture] = set()

    def ask(self) -> Sequence[Architecture]:
        if self._population:
            self._asked = [self._child() for _ in range(_CHILDREN)]
        else:
            self._asked = [self._networks.random(self._rng) for _ in range(_POPULATION)]
        self._seen.update(self._asked)
        return self._asked

    def tell(self, ratings: NDArray[np.float64]) -> None:
        self._population.extend(zip(ratings.tolist(), self._asked, strict=True))

    def _child(self) -> Architecture:
        """The best of some, changed until it is one not asked for before: ratings are too dear to ask twice."""
        contest = self._rng.choice(len(self._population), min(_CONTEST, len(self._population)), replace=False)
        _, child = min(self._population[place] for place in contest)
        for _ in range(_TRIES):
            child = self._networks.mutated(child, self._rng)
            if child not in self._seen:
                break
        return child
