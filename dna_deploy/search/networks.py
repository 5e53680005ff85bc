"""The networks that keep all limits, as strategies see them: drawn, changed, measured. Of any kind of space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Protocol

import numpy as np

from dna_deploy.errors import InfeasibleError
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.quantities import Latency, Quantity
from dna_deploy.search.tables import Tables
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace

_STARTS, _STEPS = 30, 100


class Networks(Protocol):
    """What a strategy may propose. Equal states of ``rng`` give equal networks, and each keeps all limits."""

    def random(self, rng: np.random.Generator) -> Architecture:
        """A network drawn at random."""
        ...

    def mutated(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A network near another one."""
        ...

    def value(self, quantity: Quantity, architecture: Architecture) -> float:
        """A cost of a network, in SI units."""
        ...


class SampledNetworks:
    """Networks of a space that nothing more is known of: drawn, then changed step by step until they keep the limits."""

    def __init__(
        self, space: SearchSpace, tables: Tables, quantities: Sequence[Quantity], limits: Sequence[Constraint]
    ) -> None:
        self._space, self._tables, self._limits = space, tables, tuple(limits)
        self._must_run = tuple(place for place in tables.on_targets(quantities) if isinstance(place, Latency))

    def random(self, rng: np.random.Generator) -> Architecture:
        """A network drawn at random.

        Raises:
            InfeasibleError: none was found, which proves nothing.
        """
        chance = Random(int(rng.integers(2**63)))
        nearest, excess = None, math.inf
        for _ in range(_STARTS):
            network, excess_here = self._within(self._space.sample(chance), chance)
            if excess_here == 0:
                return network
            if excess_here < excess:
                nearest, excess = network, excess_here
        raise self._infeasible(nearest)

    def mutated(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A network near another one, or a new one where no near one keeps the limits."""
        chance = Random(int(rng.integers(2**63)))
        network, excess = self._within(self._space.mutate(architecture, chance), chance)
        return network if excess == 0 else self.random(rng)

    def value(self, quantity: Quantity, architecture: Architecture) -> float:
        """A cost of a network, in SI units."""
        return self._tables.value(quantity, self._space.place(architecture))

    def _within(self, network: Architecture, chance: Random) -> tuple[Architecture, float]:
        """The network, changed as long as it exceeds the limits and a change does not make that worse; what is left of it."""
        excess = self._excess(network)
        for _ in range(_STEPS):
            if excess == 0:
                break
            changed = self._space.mutate(network, chance)
            if (excess_then := self._excess(changed)) <= excess:
                network, excess = changed, excess_then
        return network, excess

    def _excess(self, network: Architecture) -> float:
        """By how much of themselves limits are exceeded, in all; infinite where the network does not run everywhere."""
        layers = self._space.place(network)
        if not all(math.isfinite(self._tables.value(place, layers)) for place in self._must_run):
            return math.inf
        pairs = [(limit, self._tables.value(limit.quantity, layers)) for limit in self._limits]
        too_much = sum(max(0.0, value - limit.at_most) / (abs(limit.at_most) or 1.0) for limit, value in pairs)
        too_little = sum(max(0.0, limit.at_least - value) / (abs(limit.at_least) or 1.0) for limit, value in pairs)
        return too_much + too_little

    def _infeasible(self, nearest: Architecture | None) -> InfeasibleError:
        demands = " and ".join(map(str, self._limits)) or "no absent rows"
        if nearest is None:
            hint = "no network that was drawn has all its layers measured: profile the space again"
        else:
            values = (
                f"{limit.quantity} of {limit.quantity.format(self.value(limit.quantity, nearest))}" for limit in self._limits
            )
            hint = f"the nearest one, {nearest}, has a {' and a '.join(values)}"
        return InfeasibleError(f"no architecture of {self._space.name!r} was found that has {demands}", hint)
