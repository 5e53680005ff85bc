"""When options are dropped: a supernet learns the whole space first, then loses some again and again, by equal factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dna_deploy.learning.phase import Callback
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.rating.raters.shrinking.left import Left
from dna_deploy.spaces.options import Option


class ShrinkingSampler(Callback):
    """Draws from what is left of a space, which a checkpoint keeps."""

    def __init__(self, left: Left) -> None:
        self.left = left

    @property
    def remark(self) -> str:
        return f", {self.left.space.size():,} networks left"

    def facts(self) -> dict[str, Any]:
        return self.left.facts()

    def restore(self, facts: Mapping[str, Any]) -> None:
        self.left.restore(facts)


class ShrinkingNetworks(ShrinkingSampler):
    """Draws from what is left of a space, as `UniformNetworks` does, and drops options at the end of every round."""

    def __init__(self, left: Left, config: Any, steps: int, scores: Callable[[int], Mapping[Option, float]]) -> None:
        """Args:
        left: the space.
        config: a `ScheduleConfig`.
        steps: of the whole training.
        scores: of options, at the end of a round, counted from 1; the lowest are dropped.
        """
        super().__init__(left)
        self.config, self._scores = config, scores
        first = round(config.alone * steps)
        self._ends = [first + (steps - first) * number // config.rounds for number in range(config.rounds)]

    def draw(self, step: int) -> Any:
        """The network of a step."""
        return UniformNetworks(self.left.space, self.config.seed).draw(step)

    def after_step(self, step: int) -> None:
        """Drops, where a round ends."""
        for number in (number for number, end in enumerate(self._ends, 1) if end == step + 1):
            size = self.left.whole.size()
            keep = round(size * (self.config.keep / size) ** (number / self.config.rounds))
            if self.left.space.size() > keep:
                self.left.drop_worst(self._scores(number), keep=keep)
