"""The schedule of ABS (ECCV 2020, arXiv 2004.13431): a supernet learns, what turned least is dropped, and so on.

Of the authors' rule, so many options a time until a million networks are left, the number of times is fixed here instead, and
sizes fall by equal factors; so it is known beforehand how long a training takes. The beginning stays the true one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from dna_deploy.data.randomness import derived_seed
from dna_deploy.learning.phase import Callback
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.rating.raters.angle.config import AngleConfig
from dna_deploy.rating.raters.shrinking.left import Left, mean_scores
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import options


class ShrinkingNetworks(Callback):
    """Draws from what is left of a space, as `UniformNetworks` does, and drops options at the end of every round."""

    def __init__(self, left: Left, config: AngleConfig, steps: int, score: Callable[[Architecture], float]) -> None:
        """Args:
        left: the space.
        config: how often, how much, and by what options are dropped.
        steps: of the whole training.
        score: of a network; what networks of low ones hold is dropped.
        """
        self.left = left
        self._config, self._score = config, score
        first = round(config.alone * steps)
        self._ends = [first + (steps - first) * number // config.rounds for number in range(config.rounds)]

    def draw(self, step: int) -> Architecture:
        """The network of a step."""
        return UniformNetworks(self.left.space, self._config.seed).draw(step)

    def after_step(self, step: int) -> None:
        """Drops, where a round ends."""
        for number in (number for number, end in enumerate(self._ends, 1) if end == step + 1):
            config, size = self._config, self.left.whole.size()
            keep = size * (config.keep / size) ** (number / config.rounds)
            self.left.drop_worst(self._by_angle(number) if config.by == "angle" else self._by_chance(number), keep=round(keep))

    @property
    def remark(self) -> str:
        return f", {self.left.space.size():,} networks left"

    def facts(self) -> dict[str, Any]:
        return self.left.facts()

    def restore(self, facts: Mapping[str, Any]) -> None:
        self.left.restore(facts)

    def _by_angle(self, number: int) -> dict[Any, float]:
        left, rng = self.left, random.Random(derived_seed(self._config.seed, "children", number))
        drawn = dict.fromkeys(left.space.sample_cells_evenly(rng) for _ in range(self._config.children))
        within = [network for network in drawn if left.budget.admits(left.space, network)]
        return mean_scores(left.space, {network: self._score(network) for network in within}, options(left.space))

    def _by_chance(self, number: int) -> dict[Any, float]:
        rng = random.Random(derived_seed(self._config.seed, "chance", number))
        return {option: rng.random() for option in options(self.left.space)}
