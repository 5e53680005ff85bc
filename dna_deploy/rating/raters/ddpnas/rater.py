"""DDPNAS (arXiv 1905.13543): a supernet is trained a network at a time, and the least likely option of every slot is dropped.

What is left in the end is one network. Networks are rated by how likely their options were when they went, or are now; that
this is a rating of all networks is ours.
"""

from __future__ import annotations

import math

from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.ddpnas.config import PruningConfig
from dna_deploy.rating.raters.ddpnas.distribution import Sweeps
from dna_deploy.rating.raters.one_shot.held_out import held_out_accuracy
from dna_deploy.rating.raters.shrinking.rater import ShrinkingRater
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import options_of_candidates


class Ddpnas(ShrinkingRater):
    """Rates candidates by the negative logarithm of their likelihood, networks by accuracy with shared weights."""

    config = PruningConfig
    folder_name = "ddpnas"

    def table(self, on_progress: OnProgress = silent) -> RatingTable:
        """The ratings of all candidates, also of those that went: as they were then."""
        self.train(on_progress)
        space, likelihoods = self.work.space, self._sweeps.likelihoods
        blocks = [options_of_candidates(space, index) for index in space.block_numbers]
        return self.work.table_of(
            [-math.fsum(math.log(likelihoods[option]) for option in held) for held in candidates] for candidates in blocks
        )

    def sampler(self, steps: int) -> Sweeps:
        """The networks of sweeps, each judged on held-out images."""

        def judge(network: Architecture) -> float:
            return held_out_accuracy(self.work, self.net.path(network), self.work.config.judged)

        self._sweeps = Sweeps(self.left, self.work.config, steps, judge)
        return self._sweeps
