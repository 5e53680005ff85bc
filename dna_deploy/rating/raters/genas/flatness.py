"""How flat a loss is around some weights: how little it changes while they are given more and more noise (arXiv 2305.08611).

As published, the first loss itself is divided by the first, tiny deviation, as if there were none without noise. That outweighs
all changes, so that the total ranks by the loss; the changes alone are the *slope*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from dna_deploy.data.randomness import generator

_LEAST = 1e-5
"""Keeps a loss of nothing from being infinitely flat, as in the authors' code."""


@dataclass(frozen=True)
class Flatness:
    """The losses with more and more noise, and the deviations of that noise."""

    losses: Sequence[float]
    noises: Sequence[float]

    @property
    def slope(self) -> float:
        """The sum of the losses' changes, each relative to the change of deviation; less is flatter."""
        pairs = zip(pairwise(self.losses), pairwise(self.noises), strict=True)
        return sum(abs(after - before) / (more - less) for (before, after), (less, more) in pairs)

    @property
    def total(self) -> float:
        """As published, with the first loss; more is flatter."""
        return 1 / (abs(self.losses[0]) / self.noises[0] + self.slope + _LEAST)


@torch.no_grad()
def losses_with_noise(
    weights: Mapping[str, torch.Tensor], loss: Callable[[], float], noises: Sequence[float], seed: int
) -> tuple[float, ...]:
    """The loss after each of several noises, which add up in the weights; afterwards these are as before.

    What a tensor is given depends on the seed and its name alone: networks that share it are given the same, since else
    chance would rank them.
    """
    before = {name: tensor.clone() for name, tensor in weights.items()}
    losses = []
    try:
        for number, deviation in enumerate(noises):
            for name, tensor in weights.items():
                noise = torch.randn(tensor.shape, generator=generator(seed, "flatness", number, name))
                tensor.add_(noise.to(tensor), alpha=deviation)
            losses.append(loss())
    finally:
        for name, tensor in weights.items():
            tensor.copy_(before[name])
    return tuple(losses)
