"""What a layer can be. An operation knows its shapes and its exact costs; how it runs is the business of ``nets``.

An operation does not know its width or stride: those come from the place it is put (`PlacedLayer`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureMap:
    """The shape of a tensor between two layers, batch left out."""

    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True)
class Convolution:
    """One convolution or linear map inside an operation: the unit in which costs are counted."""

    input: FeatureMap
    output: FeatureMap
    kernel_size: int = 1
    groups: int = 1
    bias: bool = False
    batch_norm: bool = True

    @property
    def weights(self) -> int:
        return self.output.channels * (self.input.channels // self.groups) * self.kernel_size**2

    @property
    def parameters(self) -> int:
        """Trainable parameters: weights, bias, and scale and shift of the batch norm."""
        return self.weights + self.output.channels * (int(self.bias) + 2 * int(self.batch_norm))

    @property
    def deployed_parameters(self) -> int:
        """Parameters once the batch norm is folded into weights and a bias."""
        return self.weights + self.output.channels * int(self.bias or self.batch_norm)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return self.weights * self.output.height * self.output.width


def reduced(size: int, stride: int) -> int:
    """Height or width after a convolution with 'same' padding and this stride."""
    return math.ceil(size / stride)


class Operation(ABC):
    """What a layer does, at any width and place. Subclasses are frozen dataclasses of plain numbers and names."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The short name in an architecture's line, unique within a space: letters, digits, '.', '_'."""

    @abstractmethod
    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        """Everything with weights that runs for one image, in order."""

    def output(self, input: FeatureMap, out_channels: int, stride: int) -> FeatureMap:
        """The shape of the result."""
        return FeatureMap(out_channels, reduced(input.height, stride), reduced(input.width, stride))

    def has_residual(self, input: FeatureMap, out_channels: int, stride: int) -> bool:
        """Whether the input is kept and added to the result."""
        return False


@dataclass(frozen=True)
class Conv(Operation):
    """A dense convolution, batch norm and activation."""

    kernel_size: int
    activation: str = "silu"

    @property
    def code(self) -> str:
        return f"conv{self.kernel_size}"

    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        return (Convolution(input, self.output(input, out_channels, stride), self.kernel_size),)


@dataclass(frozen=True)
class Pointwise(Operation):
    """No spatial mixing: a 1x1 convolution, batch norm and activation; an average pool first where the stride asks.

    Has a residual where shapes allow, so that it is the cheap, honest neighbour of `MBConv`.
    """

    activation: str = "silu"

    @property
    def code(self) -> str:
        return "p1"

    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        output = self.output(input, out_channels, stride)
        return (Convolution(FeatureMap(input.channels, output.height, output.width), output),)

    def has_residual(self, input: FeatureMap, out_channels: int, stride: int) -> bool:
        return stride == 1 and input.channels == out_channels


def _squeeze_excite(features: FeatureMap, squeezed_channels: int) -> tuple[Convolution, ...]:
    wide, narrow = FeatureMap(features.channels, 1, 1), FeatureMap(squeezed_channels, 1, 1)
    return (
        Convolution(wide, narrow, bias=True, batch_norm=False),
        Convolution(narrow, wide, bias=True, batch_norm=False),
    )


@dataclass(frozen=True)
class MBConv(Operation):
    """Mobile inverted bottleneck: expand 1x1, depthwise kxk, squeeze-excite, project 1x1; residual where shapes allow.

    ``expansion`` 1 has no expanding convolution. Squeeze-excite reduces to ``se_ratio`` of the layer's *input*
    channels, as EfficientNet and DNA count it (arXiv 1905.11946); 0 leaves it out.
    """

    kernel_size: int
    expansion: int
    se_ratio: float = 0.0
    activation: str = "silu"

    @property
    def code(self) -> str:
        return f"k{self.kernel_size}e{self.expansion}"

    def squeezed_channels(self, in_channels: int) -> int:
        return max(1, int(in_channels * self.se_ratio))

    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        hidden = FeatureMap(input.channels * self.expansion, input.height, input.width)
        mixed = FeatureMap(hidden.channels, reduced(input.height, stride), reduced(input.width, stride))
        expand = (Convolution(input, hidden),) if self.expansion != 1 else ()
        depthwise = Convolution(hidden, mixed, self.kernel_size, groups=hidden.channels)
        gate = _squeeze_excite(mixed, self.squeezed_channels(input.channels)) if self.se_ratio else ()
        project = Convolution(mixed, FeatureMap(out_channels, mixed.height, mixed.width))
        return (*expand, depthwise, *gate, project)

    def has_residual(self, input: FeatureMap, out_channels: int, stride: int) -> bool:
        return stride == 1 and input.channels == out_channels


@dataclass(frozen=True)
class ClassifierHead(Operation):
    """1x1 convolution to ``hidden_channels``, batch norm, activation, global average pool, linear map to the classes.

    Its width, where it is placed, is the number of classes; its result has height and width 1.
    """

    hidden_channels: int
    activation: str = "silu"

    @property
    def code(self) -> str:
        return f"head{self.hidden_channels}"

    def output(self, input: FeatureMap, out_channels: int, stride: int) -> FeatureMap:
        return FeatureMap(out_channels, 1, 1)

    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        hidden = FeatureMap(self.hidden_channels, input.height, input.width)
        pooled = FeatureMap(self.hidden_channels, 1, 1)
        classify = Convolution(pooled, FeatureMap(out_channels, 1, 1), bias=True, batch_norm=False)
        return (Convolution(input, hidden), classify)
