"""Layers of several branches that become one convolution: see `dna_deploy.spaces.operations.reparameterised`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dna_deploy.nets.layers import activation, conv_bn
from dna_deploy.spaces.operations.reparameterised import RepConv, RepMixer
from dna_deploy.spaces.placed import PlacedLayer


class Reparameterised(nn.Module, ABC):
    """Trained wide, folded when it leaves torch."""

    @abstractmethod
    def folded(self) -> nn.Module:
        """The same in evaluation mode, as plain layers."""


class RepConvLayer(Reparameterised):
    """Feature maps to feature maps; see `RepConv`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation = layer.operation
        assert isinstance(operation, RepConv)
        received, emitted, groups = layer.input.channels, layer.out_channels, operation.groups(layer.place)
        self.passing = nn.BatchNorm2d(received) if layer.place.keeps_shape else None
        sizes = (*(operation.kernel_size,) * operation.branches, 1)
        self.branches = nn.ModuleList(conv_bn(received, emitted, size, layer.stride, groups=groups) for size in sizes)
        self.act = activation(operation.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        summed: torch.Tensor = sum(branch(x) for branch in self.branches)
        y: torch.Tensor = self.act(summed if self.passing is None else summed + self.passing(x))
        return y

    def folded(self) -> nn.Module:
        whole, *others = (fuse_conv_bn_eval(branch[0], branch[1]) for branch in self.branches)  # type: ignore[index]
        for other in others:
            add(whole, other.weight, cast(torch.Tensor, other.bias))
        if self.passing is not None:
            add(whole, *passed(self.passing, whole))
        return nn.Sequential(whole, self.act)


class RepMixerLayer(Reparameterised):
    """Feature maps to maps of their shape; see `RepMixer`."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        assert isinstance(layer.operation, RepMixer)
        channels = layer.input.channels
        self.norm = nn.BatchNorm2d(channels)
        mixer = RepConv(layer.operation.kernel_size, group_channels=1, activation="none")
        self.mixer = RepConvLayer(PlacedLayer(mixer, layer.input, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.mixer(x) - self.norm(x)
        return y

    def folded(self) -> nn.Module:
        whole = cast(nn.Conv2d, self.mixer.folded()[0])  # type: ignore[index]
        weight, bias = passed(self.norm, whole)
        middle = torch.zeros_like(whole.weight)
        middle[:, :, whole.kernel_size[0] // 2, whole.kernel_size[1] // 2] = 1
        add(whole, middle - weight, -bias)
        return whole


@torch.no_grad()
def add(whole: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Adds a kernel that may be smaller, and a bias."""
    margin = (whole.kernel_size[0] - weight.shape[-1]) // 2
    whole.weight += F.pad(weight, (margin,) * 4)
    cast(torch.Tensor, whole.bias).add_(bias)


def passed(norm: nn.BatchNorm2d, like: nn.Conv2d) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch norm alone as kernel and bias of a convolution of the same groups."""
    channels, inside = like.weight.shape[:2]
    kernel = torch.zeros(channels, inside, 1, 1, dtype=like.weight.dtype)
    places = torch.arange(channels)
    kernel[places, places % inside] = 1
    plain = nn.Conv2d(inside, channels, 1, bias=False).eval()
    plain.weight = nn.Parameter(kernel)
    fused = fuse_conv_bn_eval(plain, norm)
    margin = like.kernel_size[0] // 2
    return F.pad(fused.weight, (margin,) * 4), cast(torch.Tensor, fused.bias)
