"""A placed layer as a torch module. The one source of truth for what runs: probes, supernets and exports use these."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.placed import PlacedLayer, kind_of

MODULES = {
    "conv": "dna_deploy.nets.layers:conv",
    "pointwise": "dna_deploy.nets.layers:PointwiseLayer",
    "mbconv": "dna_deploy.nets.layers:mbconv",
    "head": "dna_deploy.nets.layers:HeadLayer",
    "patches": "dna_deploy.nets.layers.tokens:PatchesLayer",
    "attention": "dna_deploy.nets.layers.tokens:self_attention",
    "feed_forward": "dna_deploy.nets.layers.tokens:feed_forward",
    "add": "dna_deploy.nets.layers.tokens:AddLayer",
    "concatenate": "dna_deploy.nets.layers.tokens:ConcatenateLayer",
    "token_head": "dna_deploy.nets.layers.tokens:TokenHeadLayer",
    "window_attention": "dna_deploy.nets.layers.tokens:WindowAttentionLayer",
    "uib": "dna_deploy.nets.layers.mobile:uib",
    "fused_mbconv": "dna_deploy.nets.layers.mobile:fused_mbconv",
    "mobile_attention": "dna_deploy.nets.layers.mobile:MobileAttentionLayer",
    "grouped_conv": "dna_deploy.nets.layers.maps:grouped_conv",
    "pool": "dna_deploy.nets.layers.maps:pool",
    "convnext": "dna_deploy.nets.layers.maps:ConvNeXtLayer",
    "levit_attention": "dna_deploy.nets.layers.maps:levit_attention",
    "linear_attention": "dna_deploy.nets.layers.maps:linear_attention",
    "rep_conv": "dna_deploy.nets.layers.reparameterised:RepConvLayer",
    "rep_mixer": "dna_deploy.nets.layers.reparameterised:RepMixerLayer",
    "pooled_head": "dna_deploy.nets.layers.mobile:pooled_head",
    "dense_cell": "dna_deploy.nets.layers.preactivated:DenseCellLayer",
    "preactivated": "dna_deploy.nets.layers.preactivated:PreactivatedLayer",
    "branches": "dna_deploy.nets.layers.branches:branches",
    "tails": "dna_deploy.nets.layers.branches:tails",
    "norm_head": "dna_deploy.nets.layers.preactivated:NormHeadLayer",
    "conv_bottleneck": "dna_deploy.nets.layers.hybrid:BottleneckLayer",
    "attention_bottleneck": "dna_deploy.nets.layers.hybrid:BottleneckLayer",
    "linear_head": "dna_deploy.nets.layers.mobile:linear_head",
}
"""Kind of operation -> what builds its module from a `PlacedLayer`. Others: entry points ``dna_deploy.modules``."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "silu": lambda: nn.SiLU(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "hardswish": lambda: nn.Hardswish(inplace=True),
    "gelu": nn.GELU,
    "none": nn.Identity,
}


def build_layer(layer: PlacedLayer) -> nn.Module:
    """A fresh module: of every input a tensor ``(batch, *shape.sizes)`` to one of the output; a head drops height and width."""
    module = load_plugin("module", kind_of(layer.operation), MODULES)(layer)
    assert isinstance(module, nn.Module)
    return module


def activation(name: str) -> nn.Module:
    """The activation called ``name``."""
    if name not in ACTIVATIONS:
        raise UsageError(f"unknown activation {name!r}", f"known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def conv_bn(
    in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, *, groups: int = 1, act: str = "none"
) -> nn.Sequential:
    """Convolution with 'same' padding, batch norm (momentum 0.1, eps 1e-5, as in DNA) and activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    if act != "none":
        layers.append(activation(act))
    return nn.Sequential(*layers)


def layer_norm(channels: int) -> nn.LayerNorm:
    """Over the last dimension, eps 1e-6, as vision transformers have it."""
    return nn.LayerNorm(channels, eps=1e-6)


def conv(layer: PlacedLayer) -> nn.Module:
    """A dense convolution, batch norm and activation."""
    assert isinstance(layer.operation, Conv)
    operation = layer.operation
    return conv_bn(layer.input.channels, layer.out_channels, operation.kernel_size, layer.stride, act=operation.activation)


class SqueezeExcite(nn.Module):
    """Scales channels by a gate computed from their means."""

    def __init__(self, channels: int, squeezed_channels: int, act: str, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed_channels, 1)
        self.act = activation(act)
        self.expand = nn.Conv2d(squeezed_channels, channels, 1)
        self.gate = gate or nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.expand(self.act(self.reduce(x.mean((2, 3), keepdim=True))))
        scaled: torch.Tensor = x * self.gate(gate)
        return scaled


class Residual(nn.Module):
    """Layers in a row, and their input added where a layer keeps it."""

    def __init__(self, layer: PlacedLayer, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.has_residual = layer.has_residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x)
        return x + y if self.has_residual else y


def mbconv(layer: PlacedLayer) -> nn.Module:
    """Mobile inverted bottleneck with its residual (see `MBConv`)."""
    operation = layer.operation
    assert isinstance(operation, MBConv)
    inside, act = layer.input.channels * operation.expansion, operation.activation
    steps: list[nn.Module] = []
    if operation.expansion != 1:
        steps.append(conv_bn(layer.input.channels, inside, act=act))
    steps.append(conv_bn(inside, inside, operation.kernel_size, layer.stride, groups=inside, act=act))
    if operation.se_ratio:
        steps.append(SqueezeExcite(inside, operation.squeezed_channels(layer.input.channels), act))
    return Residual(layer, *steps, conv_bn(inside, layer.out_channels))


class PointwiseLayer(nn.Module):
    """A 1x1 convolution, average-pooled first where it has a stride (see `Pointwise`)."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation = layer.operation
        assert isinstance(operation, Pointwise)
        self.pool = nn.AvgPool2d(layer.stride, ceil_mode=True, count_include_pad=False) if layer.stride > 1 else nn.Identity()
        self.body = conv_bn(layer.input.channels, layer.out_channels, act=operation.activation)
        self.has_residual = layer.has_residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(self.pool(x))
        return x + y if self.has_residual else y


class HeadLayer(nn.Module):
    """Features to class scores, ``(batch, classes)`` (see `ClassifierHead`)."""

    def __init__(self, layer: PlacedLayer) -> None:
        super().__init__()
        operation = layer.operation
        assert isinstance(operation, ClassifierHead)
        self.features = conv_bn(layer.input.channels, operation.hidden_channels, act=operation.activation)
        self.classifier = nn.Linear(operation.hidden_channels, layer.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.classifier(self.features(x).mean((2, 3)))
        return y
