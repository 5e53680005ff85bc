"""DDPNAS (arXiv 1905.13543): a supernet is trained a network at a time, and the least likely option of every slot is dropped.

What is left in the end is one network. Networks are rated by how likely their options were when they went, or are now; that
this is a rating of all networks is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.ddpnas.config import PruningConfig
from dna_deploy.rating.raters.ddpnas.distribution import Sweeps
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import step_count, train_one_shot, weight_phase
from dna_deploy.rating.raters.shrinking.left import Budget, Left
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import ShrunkSpace
from dna_deploy.records.files import Part
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.records.score import Score
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import options_of_candidates


class Ddpnas:
    """Rates candidates by the negative logarithm of their likelihood, networks by accuracy with shared weights."""

    config: ClassVar[type[Part]] = PruningConfig
    needs: ClassVar = PruningConfig.needs
    folder_name: ClassVar[str] = "ddpnas"

    def __init__(self, work: RatingWork[Any, None]) -> None:
        self.work, self._supernet = work, OneShot(work, self._phases)

    def train(self, on_progress: OnProgress = silent) -> None:
        self._supernet.train(on_progress)

    def score(self, networks: Sequence[Architecture], on_progress: OnProgress = silent) -> tuple[Score, ...]:
        return self._supernet.score(networks, on_progress)

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """The ratings of all candidates, also of those that went: as they were then."""
        train_one_shot(self.work, on_progress, self._phases)
        space, likelihoods, blocks = self.work.space, self._sweeps.likelihoods, []
        for index in space.block_numbers:
            ratings = [
                -math.fsum(math.log(likelihoods[option]) for option in held) for held in options_of_candidates(space, index)
            ]
            blocks.append(BlockRatings.of(space, index, ratings, [0.0] * len(ratings)))
        return self.work.table(len(self.work.data.rating), blocks)

    def changed(self, on_progress: OnProgress = silent) -> ShrunkSpace:
        """What is left of the space."""
        train_one_shot(self.work, on_progress, self._phases)
        return self._sweeps.left.record(self.work.method)

    def _phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        assert isinstance(work.space, HeadedSpace)
        left = Left(work.space, Budget.of(work.config, work.space))

        def judge(network: Architecture) -> float:
            return held_out_accuracy(work, supernet.path(network), work.config.judged)

        self._sweeps = Sweeps(left, work.config, step_count(work), judge)
        return [weight_phase(work, supernet, sampler=self._sweeps)]
