"""One path a step, drawn uniformly (SPOS, arXiv 1904.00420)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dna_deploy.data.randomness import derived_seed, generator
from dna_deploy.spaces.architecture import Architecture, BlockChoice
from dna_deploy.spaces.space import Cell, SearchSpace


@dataclass(frozen=True)
class UniformNetworks:
    """A network of a space: a cell of every block, each as likely as the others, then an operation in each of its layers."""

    space: SearchSpace
    seed: int
    purpose: tuple[str, ...] = ("one-shot", "path")

    def draw(self, step: int) -> Architecture:
        """The network of a step."""
        rng = random.Random(derived_seed(self.seed, *self.purpose, step))
        cells = [rng.choice(block.cells) for block in self.space.blocks]
        return Architecture(tuple(BlockChoice(cell.width, tuple(map(rng.choice, cell.layers))) for cell in cells))


@dataclass(frozen=True)
class UniformPaths:
    """A path through each of some cells of block ``index``: the number of an operation in every layer."""

    cells: Sequence[Cell]
    index: int
    seed: int

    def draw(self, step: int) -> list[tuple[int, ...]]:
        """The paths of a step, one a cell."""
        rng = generator(self.seed, "paths", self.index, step)
        return [
            tuple(int(torch.randint(len(operations), (), generator=rng)) for operations in cell.layers) for cell in self.cells
        ]
