"""What a layer can be. An operation knows its shapes and its exact costs; how it runs is the business of ``nets``.

An operation does not know its inputs, its width or its stride: those come from the `Place` where it is put.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens
from dna_deploy.spaces.step import Step, convolution


def reduced(size: int, stride: int) -> int:
    """Height or width after a convolution with 'same' padding and this stride."""
    return math.ceil(size / stride)


@dataclass(frozen=True)
class Place:
    """What an operation receives, how many channels it must emit, and by what it divides height and width."""

    inputs: tuple[Shape, ...]
    out_channels: int
    stride: int = 1

    @property
    def feature_map(self) -> FeatureMap:
        """The only input, which must be a feature map."""
        match self.inputs:
            case (FeatureMap() as only,):
                return only
        raise UsageError(f"a feature map is needed where {self._received} is received")

    @property
    def tokens(self) -> Tokens:
        """The only input, which must be tokens, with a stride of 1."""
        match self.inputs:
            case (Tokens() as only,) if self.stride == 1:
                return only
        raise UsageError(f"tokens and a stride of 1 are needed where {self._received} is received with stride {self.stride}")

    @property
    def reduced(self) -> FeatureMap:
        """A feature map of the first input's size divided by the stride, with the channels that are emitted."""
        first = self.inputs[0]
        if not isinstance(first, FeatureMap):
            raise UsageError(f"a feature map is needed where {self._received} is received")
        return FeatureMap(self.out_channels, reduced(first.height, self.stride), reduced(first.width, self.stride))

    @property
    def keeps_shape(self) -> bool:
        """Whether the only input may be added to what is emitted."""
        return self.stride == 1 and self.inputs[0].channels == self.out_channels

    @property
    def _received(self) -> str:
        return "+".join(map(str, self.inputs))


class Operation(ABC):
    """What a layer does, at any width and place. Subclasses are frozen dataclasses of plain numbers and names."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The short name in an architecture's line, unique within a space: letters, digits, '.', '_'."""

    @abstractmethod
    def steps(self, at: Place) -> tuple[Step, ...]:
        """Everything with weights or multiply-accumulates that runs for one image, in order.

        Raises:
            UsageError: the operation cannot stand there.
        """

    def received(self, input: Shape) -> Shape:
        """What it receives behind something that emits ``input``: that, unless it knows better."""
        return input

    def output(self, at: Place) -> Shape:
        """The shape of the result.

        Raises:
            UsageError: the operation cannot stand there.
        """
        return at.reduced

    def has_residual(self, at: Place) -> bool:
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

    def steps(self, at: Place) -> tuple[Step, ...]:
        return (convolution(at.feature_map, at.reduced, self.kernel_size),)


@dataclass(frozen=True)
class Pointwise(Operation):
    """No spatial mixing: a 1x1 convolution, batch norm and activation; an average pool first where the stride asks.

    Has a residual where shapes allow, so that it is the cheap, honest neighbour of `MBConv`.
    """

    activation: str = "silu"

    @property
    def code(self) -> str:
        return "p1"

    def steps(self, at: Place) -> tuple[Step, ...]:
        output = at.reduced
        return (convolution(FeatureMap(at.feature_map.channels, output.height, output.width), output),)

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape


def squeeze_excite(features: FeatureMap, squeezed_channels: int) -> tuple[Step, ...]:
    """A gate for every channel, computed from their means (arXiv 1709.01507)."""
    wide, narrow = FeatureMap(features.channels, 1, 1), FeatureMap(squeezed_channels, 1, 1)
    return (
        convolution(wide, narrow, bias=True, batch_norm=False),
        convolution(narrow, wide, bias=True, batch_norm=False),
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

    def steps(self, at: Place) -> tuple[Step, ...]:
        input = at.feature_map
        hidden = FeatureMap(input.channels * self.expansion, input.height, input.width)
        mixed = FeatureMap(hidden.channels, at.reduced.height, at.reduced.width)
        expand = (convolution(input, hidden),) if self.expansion != 1 else ()
        depthwise = convolution(hidden, mixed, self.kernel_size, groups=hidden.channels)
        gate = squeeze_excite(mixed, self.squeezed_channels(input.channels)) if self.se_ratio else ()
        project = convolution(mixed, at.reduced)
        return (*expand, depthwise, *gate, project)

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape


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

    def output(self, at: Place) -> FeatureMap:
        return FeatureMap(at.out_channels, 1, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        input = at.feature_map
        hidden = FeatureMap(self.hidden_channels, input.height, input.width)
        pooled = FeatureMap(self.hidden_channels, 1, 1)
        classify = convolution(pooled, FeatureMap(at.out_channels, 1, 1), bias=True, batch_norm=False)
        return (convolution(input, hidden), classify)
