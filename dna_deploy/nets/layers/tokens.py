"""Operations on tokens, and on several tensors, as torch modules: see `dna_deploy.spaces.operations.tokens`."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.nets.layers import Residual, conv_bn, layer_norm
from dna_deploy.spaces.operations.heads import TokenHead
from dna_deploy.spaces.operations.tokens import Concatenate, FeedForward, Patches, SelfAttention
from dna_deploy.spaces.operations.window_attention import WindowAttention
from dna_deploy.spaces.placed import PlacedLayer


class PatchesLayer(nn.Module):
    """Images ``(batch, channels, height, width)`` to tokens ``(batch, length, channels)``."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, Patches)
        size = layer.operation.size
        self.cut = nn.Conv2d(layer.place.feature_map.channels, layer.out_channels, size, size)
        self.places = nn.Parameter(torch.empty(layer.output.sizes))
        first = torch.empty(layer.operation.class_tokens, layer.out_channels)
        self.first = nn.Parameter(first) if len(first) else None
        for learned in self.parameters(recurse=False):
            nn.init.trunc_normal_(learned, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.cut(x).flatten(2).transpose(1, 2)
        if self.first is not None:
            tokens = torch.cat((self.first.expand(len(x), -1, -1), tokens), 1)
        return tokens + self.places


class MultiHead(nn.Module):
    """Attention among tokens ``(batch, length, channels)``."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (channels // heads) ** -0.5
        self.triple, self.leave = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, channels = x.shape
        parts = self.triple(x).reshape(batch, length, 3, self.heads, channels // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        shares = (self.scale * queries @ keys.transpose(-2, -1)).softmax(-1)
        left: torch.Tensor = self.leave((shares @ values).transpose(1, 2).reshape(batch, length, channels))
        return left


def self_attention(layer: PlacedLayer) -> nn.Module:
    """Tokens ``(batch, length, channels)`` to tokens of the same shape."""
    assert isinstance(layer.operation, SelfAttention)
    channels = layer.input.channels
    return Residual(layer, layer_norm(channels), MultiHead(channels, layer.operation.heads))


class WindowAttentionLayer(nn.Module):
    """Feature maps ``(batch, channels, height, width)`` to maps of the same shape; see `WindowAttention`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, WindowAttention)
        self.size = layer.operation.size(layer.place)
        self.norm = layer_norm(layer.input.channels)
        self.mix = MultiHead(layer.input.channels, layer.operation.heads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (batch, channels, height, width), (down, across) = x.shape, self.size
        grid = self.norm(x.permute(0, 2, 3, 1)).reshape(batch, height // down, down, width // across, across, channels)
        mixed = self.mix(grid.transpose(2, 3).reshape(-1, down * across, channels))
        back = mixed.reshape(batch, height // down, width // across, down, across, channels).transpose(2, 3)
        y: torch.Tensor = x + back.reshape(batch, height, width, channels).permute(0, 3, 1, 2)
        return y


def feed_forward(layer: PlacedLayer) -> nn.Module:
    """Tokens ``(batch, length, channels)`` to tokens ``(batch, length, out_channels)``."""
    channels = layer.input.channels
    assert isinstance(layer.operation, FeedForward)
    inside = channels * layer.operation.expansion
    linear = nn.Linear(channels, inside), nn.GELU(), nn.Linear(inside, layer.out_channels)
    return Residual(layer, layer_norm(channels), *linear)


class TokenHeadLayer(nn.Module):
    """Tokens ``(batch, length, channels)`` to class scores ``(batch, classes)``; see `TokenHead`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, TokenHead)
        self.is_mean = layer.operation.token == "mean"
        self.norm = layer_norm(layer.input.channels)
        self.classifier = nn.Linear(layer.input.channels, layer.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.classifier(self.norm(x.mean(1) if self.is_mean else x[:, 0]))
        return scores


class AddLayer(nn.Module):
    """The sum of tensors of one shape."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()

    def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        for other in others:
            first = first + other
        return first


class ConcatenateLayer(nn.Module):
    """Feature maps ``(batch, channels, height, width)`` to one of ``out_channels``."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, Concatenate)
        channels = sum(shape.channels for shape in layer.inputs)
        self.body = conv_bn(channels, layer.out_channels, act=layer.operation.activation)

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.body(torch.cat(maps, 1))
        return joined
