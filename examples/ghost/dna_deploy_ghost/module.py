"""The Ghost layer in torch."""

import torch
from torch import nn

from dna_deploy.api import PlacedLayer
from dna_deploy.nets.layers import conv_bn


class GhostLayer(nn.Module):
    """Maps ``(batch, *layer.input)`` to ``(batch, *layer.output)``."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        half, kernel_size = layer.out_channels // 2, layer.operation.kernel_size
        self.dense = conv_bn(layer.input.channels, half, kernel_size, layer.stride, act="relu")
        self.cheap = conv_bn(half, half, kernel_size, groups=half, act="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.dense(x)
        return torch.cat([x, self.cheap(x)], dim=1)
