"""Raters whose space loses options while its supernet trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from dna_deploy.learning.phase import PathSampler, Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from dna_deploy.rating.raters.one_shot.training import step_count, weight_phase
from dna_deploy.rating.raters.shrinking.left import Left
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import ChangedSpace


class ShrinkingRater(SupernetRater, ABC):
    """A method says what draws from that which is ``left``, and drops (`sampler`). ``net`` is the supernet under training."""

    left: Left
    net: OneShotSupernet

    @abstractmethod
    def sampler(self, steps: int) -> PathSampler:
        """What draws the paths of so many steps."""

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """Weights learn with labels, along paths of what is left."""
        self.left, self.net = Left.of(work), supernet
        return [weight_phase(work, supernet, sampler=self.sampler(step_count(work)))]

    def changed(self, on_progress: OnProgress = silent) -> ChangedSpace:
        """What is left of the space."""
        self.train(on_progress)
        return self.left.record(self.work.method)
