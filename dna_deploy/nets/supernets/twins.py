"""A space as a population that teaches itself: block supernets whose features are compared as embeddings (DNA++).

The *online* half learns. The *target* half follows it slowly, as a moving average of its weights: its mean over many
candidates, the centre of the population, takes the place that a teacher has elsewhere.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.spaces.block import CellPath
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap, feature_map


class EmbeddedBlock(nn.Module):
    """A block's supernet and a projector: features ``(batch, channels, height, width)`` to embeddings ``(batch, size)``."""

    def __init__(self, space: ChainSpace, index: int, *, share_depths: bool, hidden: int, size: int) -> None:
        super().__init__()
        frames = frames_of(space)
        self.supernet = SupernetBlock(space, index, frames, edges="adaptors", share_depths=share_depths)
        self.projector = perceptron(frames[index].channels, hidden, size)

    def embed(self, features: torch.Tensor) -> torch.Tensor:
        """Embeddings, not yet of length one."""
        embedded: torch.Tensor = self.projector(features.mean((2, 3)))
        return embedded

    def members(self, x: torch.Tensor, draws: Sequence[Sequence[CellPath]]) -> list[torch.Tensor]:
        """The features of every candidate that is drawn: one of each cell a draw."""
        return [features for paths in draws for features in self.supernet.forward_paths(x, paths)]


class Population(nn.Module):
    """All blocks of a space, online and target, and a predictor a block from online to target embeddings.

    A *joint* population has one half only: its targets are the online blocks themselves, and it predicts nothing.
    """

    def __init__(self, space: ChainSpace, *, is_joint: bool, share_depths: bool, hidden: int, size: int) -> None:
        super().__init__()
        blocks = space.block_numbers
        self.online = nn.ModuleList(
            EmbeddedBlock(space, index, share_depths=share_depths, hidden=hidden, size=size) for index in blocks
        )
        self.predictors = nn.ModuleList(nn.Identity() if is_joint else perceptron(size, hidden, size) for _ in blocks)
        self.moving = None if is_joint else copy.deepcopy(self.online).requires_grad_(False)

    def pair(self, index: int) -> tuple[EmbeddedBlock, EmbeddedBlock]:
        """A block online, and as target."""
        online, target = self.online[index], (self.moving or self.online)[index]
        assert isinstance(online, EmbeddedBlock)
        assert isinstance(target, EmbeddedBlock)
        return online, target

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """The moving target's weights become ``momentum`` times themselves and the rest of the online ones."""
        if self.moving is None:
            return
        for slow, fast in zip(self.moving.parameters(), self.online.parameters(), strict=True):
            slow.lerp_(fast, 1 - momentum)


def frames_of(space: ChainSpace) -> tuple[FeatureMap, ...]:
    """What every candidate of a block is brought to by its adaptor, a shape a block: the widest of its cells."""
    return tuple(map(feature_map, space.index.frames))


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """A linear layer, batch norm, ReLU, a linear layer: the projector and predictor of BYOL (arXiv 2006.07733)."""
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
    )


def on_sphere(embeddings: torch.Tensor) -> torch.Tensor:
    """Embeddings of length one, in 32 bits."""
    return F.normalize(embeddings.float(), dim=-1)


def centre_of(members: Sequence[torch.Tensor]) -> torch.Tensor:
    """Where a population stands: the mean of its members' directions, of length one, ``(batch, size)``."""
    return on_sphere(torch.stack([on_sphere(member) for member in members]).mean(0))
