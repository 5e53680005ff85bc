"""One path a step, drawn uniformly (SPOS, arXiv 1904.00420)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dna_deploy.data.randomness import derived_seed, generator
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import CellPath, Trunk
from dna_deploy.spaces.chain import ChainSpace


@dataclass(frozen=True)
class UniformNetworks:
    """A network of a space: a cell of every block, each as likely as the others, then an operation in each of its layers."""

    space: ChainSpace
    seed: int
    purpose: tuple[str, ...] = ("one-shot", "path")

    def draw(self, step: int) -> Architecture:
        """The network of a step."""
        rng = random.Random(derived_seed(self.seed, *self.purpose, step))
        return self.space.sample_cells_evenly(rng)


@dataclass(frozen=True)
class UniformPaths:
    """A path through each trunk of block ``index``."""

    trunks: Sequence[Trunk]
    index: int
    seed: int

    def draw(self, step: int) -> list[CellPath]:
        """The paths of a step, one a trunk."""
        rng = generator(self.seed, "paths", self.index, step)
        return [trunk.cell.draw(lambda count: int(torch.randint(count, (), generator=rng))) for trunk in self.trunks]
