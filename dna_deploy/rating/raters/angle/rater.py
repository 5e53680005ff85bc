"""The angle of ABS (ECCV 2020, arXiv 2004.13431): how far training has turned all weights of a network, taken as one vector.

By it networks are rated and, if asked, a space is shrunk while its supernet trains. It looks at no image. On
spaces whose candidates differ in size it mostly orders by size: see its page before it is trusted.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from dna_deploy.data.randomness import derived_seed
from dna_deploy.errors import UsageError
from dna_deploy.learning.phase import Phase
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.angle.config import AngleConfig
from dna_deploy.rating.raters.one_shot.rating import OpenSupernet
from dna_deploy.rating.raters.one_shot.training import along_labels, build_one_shot
from dna_deploy.rating.raters.shrinking.left import mean_scores
from dna_deploy.rating.raters.shrinking.rater import ShrinkingRater
from dna_deploy.rating.raters.shrinking.schedule import ShrinkingNetworks
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.changed_space import ChangedSpace
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import Option, options

ANGLE = ScoreKind(name="angle", decimals=4)
"""In radians."""


class Angle(ShrinkingRater):
    """Rates by the angle between a network's weights and those that the seed gave it before any training."""

    config = AngleConfig
    folder_name = "angle"

    def changed(self, on_progress: OnProgress = silent) -> ChangedSpace:
        """What is left of the space. Raises `UsageError` where nothing was to be dropped."""
        if not self.work.config.keep:
            raise UsageError("how many networks are to be left?", "say it like --keep 1000")
        return super().changed(on_progress)

    def phases(self, work: RatingWork[Any, None], supernet: OneShotSupernet) -> Sequence[Phase]:
        """As for any supernet; where a size is to be kept, along paths of what is left."""
        return super().phases(work, supernet) if work.config.keep else along_labels(work, supernet)

    def sampler(self, steps: int) -> ShrinkingNetworks:
        """What has the smallest mean angles is dropped."""
        return ShrinkingNetworks(self.left, self.work.config, steps, self._scores)

    def measure(self, opened: OpenSupernet, network: Architecture) -> Score:
        """The angle."""
        return Score(value=angle_between(self._untrained.path(network), opened.supernet.path(network)), kind=ANGLE)

    @cached_property
    def _untrained(self) -> OneShotSupernet:
        """The true beginning, drawn again from the seed."""
        return build_one_shot(self.work).to(self.work.compute.device)

    def _scores(self, number: int) -> dict[Option, float]:
        """Of the options that may go, at the end of a round: mean angles of networks within the budget, or chance."""
        space, config = self.left.space, self.work.config
        rng = random.Random(derived_seed(config.seed, "children", number))
        if config.by == "chance":
            return {option: rng.random() for option in options(space)}
        drawn = dict.fromkeys(space.sample_cells_evenly(rng) for _ in range(config.children))
        within = [network for network in drawn if self.left.budget.admits(space, network)]
        angles = [angle_between(self._untrained.path(network), self.net.path(network)) for network in within]
        return mean_scores(space, zip(within, angles, strict=True), options(space))


@torch.no_grad()
def angle_between(first: nn.Module, second: nn.Module) -> float:
    """The angle in radians between all weights of two networks of one shape: convolutions and linear maps, no batch norms."""
    pairs = list(zip(_weights(first), _weights(second), strict=True))
    product, left, right = (
        sum(float((one.double() * other.double()).sum()) for one, other in vectors)
        for vectors in (pairs, [(one, one) for one, _ in pairs], [(other, other) for _, other in pairs])
    )
    return float(torch.tensor(product / (left * right) ** 0.5, dtype=torch.float64).clamp(-1, 1).arccos())


def _weights(network: nn.Module) -> list[torch.Tensor]:
    return [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
