"""A whole network of a space: plain layers in a row, nothing of the supernet left in it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.placed import PlacedLayer


class BlockNetwork(nn.Module):
    """Images ``(batch, channels, height, width)`` through a stem, blocks and a head to class scores ``(batch, classes)``."""

    stem: nn.Module
    blocks: nn.ModuleList
    head: nn.Module

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


class Network(BlockNetwork):
    """Maps images ``(batch, *space.input)`` to class scores ``(batch, classes)``.

    ``stem`` and ``head`` are sequences of layers; ``blocks[k]`` holds the layers of block ``k``.
    """

    def __init__(self, space: HeadedSpace, architecture: Architecture) -> None:
        super().__init__()
        sections = space.sections(architecture)
        self.stem = _build(sections.stem)
        self.blocks = nn.ModuleList(map(_build, sections.blocks))
        self.head = _build(sections.head)


def _build(layers: Iterable[PlacedLayer]) -> nn.Sequential:
    return nn.Sequential(*map(build_layer, layers))
