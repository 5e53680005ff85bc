"""Layers of several operations side by side: see `dna_deploy.spaces.operations.branches`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.operations.branches import Branches, Tails
from dna_deploy.spaces.placed import PlacedLayer


class Mean(nn.Module):
    """The mean of what several modules make of one input."""

    def __init__(self, parts: Iterable[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, *others = (part(x) for part in self.parts)
        mean: torch.Tensor = sum(others, first) / len(self.parts)
        return mean


def branches(layer: PlacedLayer) -> nn.Module:
    """See `Branches`."""
    assert isinstance(layer.operation, Branches)
    return Mean(build_layer(replace(layer, operation=operation)) for operation in layer.operation.operations)


def tails(layer: PlacedLayer) -> nn.Module:
    """Features to averaged scores; see `Tails`."""
    assert isinstance(layer.operation, Tails)
    return Mean(nn.Sequential(*map(build_layer, layers)) for layers in layer.operation.placed(layer.place))
