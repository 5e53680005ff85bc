"""Modules of the layers of NATS-Bench (see `dna_deploy.spaces.operations.preactivated`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.nets.layers import conv_bn
from dna_deploy.spaces.operations.preactivated import PreactivatedBlock
from dna_deploy.spaces.placed import PlacedLayer


class DenseCellLayer(nn.Module):
    """Three nodes, of which each hears all before it (see `DenseCell`)."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        before, inside = layer.input.channels, layer.out_channels
        self.first, self.second = conv_bn(before, inside, 3), conv_bn(before, inside, 3)
        self.first_to_second, self.first_to_third, self.second_to_third = (conv_bn(inside, inside, 3) for _ in range(3))
        self.skip = nn.Identity() if before == inside else conv_bn(before, inside)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        active = F.relu(x)
        first = F.relu(self.first(active))
        second = F.relu(self.second(active) + self.first_to_second(first))
        third: torch.Tensor = self.skip(x) + self.first_to_third(first) + self.second_to_third(second)
        return third


class PreactivatedLayer(nn.Module):
    """A residual block whose convolutions follow their activations (see `PreactivatedBlock`)."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, PreactivatedBlock)
        before, after = layer.input.channels, layer.out_channels
        self.body = nn.Sequential(
            nn.ReLU(), conv_bn(before, after, 3, layer.stride), nn.ReLU(inplace=True), conv_bn(after, after, 3)
        )
        pool = nn.AvgPool2d(layer.stride, ceil_mode=True, count_include_pad=False) if layer.stride > 1 else nn.Identity()
        has_weights = layer.operation.has_shortcut_convolution(layer.place)
        self.shortcut = nn.Sequential(pool, nn.Conv2d(before, after, 1, bias=False) if has_weights else nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x) + self.shortcut(x)
        return y


class NormHeadLayer(nn.Module):
    """Features to class scores, ``(batch, classes)`` (see `NormHead`)."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(layer.input.channels)
        self.classifier = nn.Linear(layer.input.channels, layer.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.classifier(F.relu(self.norm(x)).mean((2, 3)))
        return y
