"""Further layers on feature maps ``(batch, channels, height, width)``: see the operations of their names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.nets.layers import Residual, activation, conv_bn, layer_norm
from dna_deploy.spaces.operations.convnext import ConvNeXt
from dna_deploy.spaces.operations.map_attention import LevitAttention, LinearAttention
from dna_deploy.spaces.operations.simple import GroupedConv, Pool, groups_of
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import feature_map


def grouped_conv(layer: PlacedLayer) -> nn.Module:
    """See `GroupedConv`."""
    operation = layer.operation
    assert isinstance(operation, GroupedConv)
    groups, size = groups_of(layer.place, operation.group_channels), operation.kernel_size
    return conv_bn(layer.input.channels, layer.out_channels, size, layer.stride, groups=groups, act=operation.activation)


def pool(layer: PlacedLayer) -> nn.Module:
    """See `Pool`."""
    assert isinstance(layer.operation, Pool)
    size = layer.operation.kernel_size
    if layer.operation.kind == "max":
        return nn.MaxPool2d(size, layer.stride, size // 2)
    return nn.AvgPool2d(size, layer.stride, size // 2, count_include_pad=False)


class ConvNeXtLayer(nn.Module):
    """See `ConvNeXt`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation, channels = layer.operation, layer.input.channels
        assert isinstance(operation, ConvNeXt)
        size, hidden = operation.kernel_size, channels * operation.expansion
        self.depthwise = nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels)
        self.mix = nn.Sequential(layer_norm(channels), nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.mix(self.depthwise(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y


def levit_attention(layer: PlacedLayer) -> nn.Module:
    """See `LevitAttention`."""
    assert isinstance(layer.operation, LevitAttention)
    values = layer.operation.ratio * layer.operation.heads * layer.operation.head_channels
    return Residual(layer, _LevitMixer(layer), activation("hardswish"), conv_bn(values, layer.out_channels))


class _LevitMixer(nn.Module):
    distances: torch.Tensor

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation, x = layer.operation, feature_map(layer.input)
        assert isinstance(operation, LevitAttention)
        self.heads, self.scale = operation.heads, operation.head_channels**-0.5
        self.parts = [operation.head_channels] * 2 + [operation.ratio * operation.head_channels]
        self.biases = nn.Parameter(torch.zeros(operation.heads, x.height * x.width))
        self.enter = conv_bn(x.channels, operation.heads * sum(self.parts))
        down, across = torch.meshgrid(torch.arange(x.height), torch.arange(x.width), indexing="ij")
        steps = [(places.flatten()[:, None] - places.flatten()).abs() for places in (down, across)]
        self.register_buffer("distances", steps[0] * x.width + steps[1], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.enter(x).unflatten(1, (self.heads, -1)).flatten(3).split(self.parts, 2)
        shares = (self.scale * queries.transpose(-2, -1) @ keys + self.biases[:, self.distances]).softmax(-1)
        mixed: torch.Tensor = (values @ shares.transpose(-2, -1)).flatten(1, 2).unflatten(2, x.shape[2:])
        return mixed


def linear_attention(layer: PlacedLayer) -> nn.Module:
    """See `LinearAttention`."""
    return Residual(layer, _LinearMixer(layer), conv_bn(2 * layer.input.channels, layer.out_channels))


class _LinearMixer(nn.Module):
    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation, channels = layer.operation, layer.input.channels
        assert isinstance(operation, LinearAttention)
        triple, size, self.head_channels = 3 * channels, operation.kernel_size, operation.head_channels
        groups = 3 * operation.heads(layer.place)
        self.enter = nn.Conv2d(channels, triple, 1, bias=False)
        self.near = nn.Sequential(
            nn.Conv2d(triple, triple, size, padding=size // 2, groups=triple, bias=False),
            nn.Conv2d(triple, triple, 1, groups=groups, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        triple = self.enter(x)
        heads = torch.cat((triple, self.near(triple)), 1).reshape(len(x), -1, 3 * self.head_channels, x[0, 0].numel())
        queries, keys, values = heads.transpose(-2, -1).chunk(3, -1)
        summed = keys.relu().transpose(-2, -1) @ F.pad(values, (0, 1), value=1.0)
        mixed = queries.relu() @ summed
        mixed = mixed[..., :-1] / (mixed[..., -1:] + 1e-5)
        return mixed.transpose(-2, -1).flatten(1, 2).reshape(len(x), -1, *x.shape[2:])
