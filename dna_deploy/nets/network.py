"""A whole network of a space: plain layers in a row, nothing of the supernet left in it."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace


class Network(nn.Module):
    """Maps images ``(batch, *space.input)`` to class scores ``(batch, classes)``.

    ``stem`` and ``head`` are sequences of layers; ``blocks[k]`` holds the layers of block ``k``.
    """

    def __init__(self, space: SearchSpace, architecture: Architecture) -> None:
        super().__init__()
        layers = iter(space.place(architecture))

        def take(count: int) -> nn.Sequential:
            return nn.Sequential(*(build_layer(next(layers)) for _ in range(count)))

        self.stem = take(len(space.stem))
        self.blocks = nn.ModuleList(take(choice.depth) for choice in architecture.blocks)
        self.head = take(len(space.head))

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The output of every block, ``(batch, channels, height, width)`` each."""
        x = self.stem(x)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.features(x)[-1])
        return scores
