"""Layers of mobile networks as torch modules: see the operations of their names in `dna_deploy.spaces.operations`."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.nets.layers import Residual, SqueezeExcite, conv_bn
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import PooledHead
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.placed import PlacedLayer


def uib(layer: PlacedLayer) -> nn.Module:
    """See `UIB`."""
    operation = layer.operation
    assert isinstance(operation, UIB)
    channels, act = layer.input.channels, operation.activation
    hidden, (first, second) = channels * operation.expansion, operation.strides(layer.place)
    steps: list[nn.Module] = []
    if operation.before:
        steps.append(conv_bn(channels, channels, operation.before, first, groups=channels))
    steps.append(conv_bn(channels, hidden, act=act))
    if operation.inside:
        steps.append(conv_bn(hidden, hidden, operation.inside, second, groups=hidden, act=act))
    if operation.se_ratio:
        steps.append(SqueezeExcite(hidden, operation.squeezed_channels(hidden), "relu", nn.Hardsigmoid()))
    return Residual(layer, *steps, conv_bn(hidden, layer.out_channels))


def fused_mbconv(layer: PlacedLayer) -> nn.Module:
    """See `FusedMBConv`."""
    operation = layer.operation
    assert isinstance(operation, FusedMBConv)
    hidden = layer.input.channels * operation.expansion
    expand = conv_bn(layer.input.channels, hidden, operation.kernel_size, layer.stride, act=operation.activation)
    return Residual(layer, expand, conv_bn(hidden, layer.out_channels, act=operation.last))


class MobileAttentionLayer(nn.Module):
    """Feature maps ``(batch, channels, height, width)`` to maps of their size; see `MobileAttention`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation, channels = layer.operation, layer.input.channels
        assert isinstance(operation, MobileAttention)
        self.heads, self.has_residual = operation.heads, layer.has_residual
        self.norm = nn.BatchNorm2d(channels)
        self.query = nn.Conv2d(channels, operation.heads * operation.head_channels, 1, bias=False)
        self.key, self.value = (self._shared(channels, operation) for _ in range(2))
        self.leave = nn.Conv2d(operation.heads * operation.head_channels, layer.out_channels, 1, bias=False)
        self.scale = operation.head_channels**-0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normal = self.norm(x)
        queries = self.query(normal).unflatten(1, (self.heads, -1)).flatten(3)
        keys, values = self.key(normal).flatten(2).unsqueeze(1), self.value(normal).flatten(2).unsqueeze(1)
        shares = (self.scale * queries.transpose(-2, -1) @ keys).softmax(-1)
        mixed = (shares @ values.transpose(-2, -1)).transpose(-2, -1).flatten(1, 2)
        y: torch.Tensor = self.leave(mixed.unflatten(2, x.shape[2:]))
        return x + y if self.has_residual else y

    @staticmethod
    def _shared(channels: int, operation: MobileAttention) -> nn.Sequential:
        reduced = conv_bn(channels, channels, 3, operation.reduction, groups=channels) if operation.reduction > 1 else ()
        return nn.Sequential(*reduced, nn.Conv2d(channels, operation.head_channels, 1, bias=False))


def pooled_head(layer: PlacedLayer) -> nn.Module:
    """Features to class scores, ``(batch, classes)``; see `PooledHead`."""
    operation = layer.operation
    assert isinstance(operation, PooledHead)
    hidden = conv_bn(layer.input.channels, operation.hidden_channels, act=operation.activation)
    classify = nn.Linear(operation.hidden_channels, layer.out_channels)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), *hidden, nn.Flatten(), classify)


def linear_head(layer: PlacedLayer) -> nn.Module:
    """Features to class scores, ``(batch, classes)``; see `LinearHead`."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(layer.input.channels, layer.out_channels))
