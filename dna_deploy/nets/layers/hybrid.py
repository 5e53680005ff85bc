"""Modules of the layers of BossNAS's hybrid trellis (see `dna_deploy.spaces.operations.hybrid`)."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.nets.layers import activation, conv_bn
from dna_deploy.spaces.operations.hybrid import AttentionBottleneck, Bottleneck
from dna_deploy.spaces.placed import PlacedLayer


class BottleneckLayer(nn.Module):
    """See `ConvBottleneck` and `AttentionBottleneck`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation, before, after = layer.operation, layer.input.channels, layer.out_channels
        assert isinstance(operation, Bottleneck)
        inside, act = operation.inside(layer.place).channels, operation.activation
        middle = (
            (PlaceAttention(inside, operation.heads(layer.place)), nn.BatchNorm2d(inside), activation(act))
            if isinstance(operation, AttentionBottleneck)
            else (conv_bn(inside, inside, 3, act=act),)
        )
        self.body = nn.Sequential(
            nn.Conv2d(before, inside, 1, bias=False),
            nn.Conv2d(inside, inside, 3, layer.stride, 1, groups=inside),
            nn.BatchNorm2d(inside),
            activation(act),
            *middle,
            conv_bn(inside, after),
        )
        pool = nn.AvgPool2d(layer.stride, ceil_mode=True, count_include_pad=False) if layer.stride > 1 else nn.Identity()
        self.shortcut = nn.Identity() if layer.has_residual else nn.Sequential(pool, conv_bn(before, after))
        self.act = activation(act)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.act(self.body(x) + self.shortcut(x))
        return y


class PlaceAttention(nn.Module):
    """Attention among all places of a map ``(batch, channels, height, width)``."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.enter = nn.Conv2d(channels, 3 * channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.enter(x).flatten(2).unflatten(1, (3, self.heads, -1)).unbind(1)
        shares = (queries.shape[2] ** -0.5 * queries.transpose(-2, -1) @ keys).softmax(-1)
        mixed: torch.Tensor = (values @ shares.transpose(-2, -1)).flatten(1, 2).unflatten(2, x.shape[2:])
        return mixed
