"""What is drawn in a step of a population: two views of every image, and a few paths through every trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.randomness import generator
from dna_deploy.nets.supernets.twins import Population
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig
from dna_deploy.spaces.block import CellPath, Trunk


@dataclass(frozen=True)
class TwoViews:
    """Every image changed twice: all first views, then all second ones."""

    augmentation: Augmentation

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.cat([self.augmentation(pixels, rng), self.augmentation(pixels, rng)])


def other_view(embeddings: torch.Tensor) -> torch.Tensor:
    """For every one of `TwoViews` what the other view of its image has."""
    return embeddings.roll(len(embeddings) // 2, 0)


def draw_paths(trunks: Sequence[Trunk], index: int, seed: int, step: int, draws: int) -> list[list[CellPath]]:
    """For every draw, a path a trunk. Each is uniform; in a layer, draws repeat an operation only after all others."""
    rng = generator(seed, "population paths", index, step)

    def shuffled(operations: int) -> list[int]:
        rounds = [torch.randperm(operations, generator=rng) for _ in range(-(-draws // operations))]
        order: list[int] = torch.cat(rounds)[:draws].tolist()
        return order

    layers = [[shuffled(len(operations)) for operations in trunk.cell.layers] for trunk in trunks]
    return [[tuple(layer[draw] for layer in trunk) for trunk in layers] for draw in range(draws)]


@dataclass(frozen=True)
class BalancedPaths:
    """`draw_paths` for every block of a population."""

    plans: Sequence[Sequence[Trunk]]
    seed: int
    draws: int

    @classmethod
    def of(cls, population: Population, config: PopulationConfig) -> BalancedPaths:
        """As many draws as make the centre in training."""
        plans = [population.pair(index)[0].supernet.plan for index in range(len(population.online))]
        return cls(plans, config.seed, config.ensemble)

    def draw(self, step: int) -> list[list[list[CellPath]]]:
        """The paths of a step: for every block and draw, one a trunk."""
        return [draw_paths(plan, index, self.seed, step, self.draws) for index, plan in enumerate(self.plans)]
