"""What flows between layers: feature maps and sequences of tokens, the batch left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dna_deploy.errors import UsageError


@dataclass(frozen=True)
class FeatureMap:
    """A map of features over an image."""

    channels: int
    height: int
    width: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the tensor."""
        return (self.channels, self.height, self.width)

    @property
    def extent(self) -> tuple[int, ...]:
        """Over how many places the channels are known."""
        return (self.height, self.width)

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width

    def to(self, channels: int, stride: int = 1) -> FeatureMap:
        """The map that a convolution with 'same' padding makes of it."""
        return FeatureMap(channels, -(-self.height // stride), -(-self.width // stride))

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True)
class ChannelsLastMap:
    """A map of features over an image in a tensor whose last dimension is the channels, as Swin has it."""

    height: int
    width: int
    channels: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the tensor."""
        return (self.height, self.width, self.channels)

    @property
    def extent(self) -> tuple[int, ...]:
        """Over how many places the channels are known."""
        return (self.height, self.width)

    @property
    def elements(self) -> int:
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}c"


@dataclass(frozen=True)
class Tokens:
    """A sequence of vectors, such as words or the patches of an image."""

    length: int
    channels: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the tensor."""
        return (self.length, self.channels)

    @property
    def extent(self) -> tuple[int, ...]:
        """Over how many places the channels are known."""
        return (self.length,)

    @property
    def elements(self) -> int:
        return self.length * self.channels

    def to(self, channels: int) -> Tokens:
        """As many tokens of other channels."""
        return Tokens(self.length, channels)

    def __str__(self) -> str:
        return f"{self.length}x{self.channels}"


Shape: TypeAlias = FeatureMap | ChannelsLastMap | Tokens


def parse_shape(text: str) -> Shape:
    """The shape that ``CxHxW`` (a feature map), ``HxWxCc`` (one with its channels last) or ``LxC`` (tokens) names."""
    sizes = text.removesuffix("c").split("x")
    match [int(size) for size in sizes if size.isdecimal()]:
        case [first, second, third] if len(sizes) == 3:
            return ChannelsLastMap(first, second, third) if text.endswith("c") else FeatureMap(first, second, third)
        case [length, channels] if len(sizes) == 2 and not text.endswith("c"):
            return Tokens(length, channels)
    raise UsageError(f"cannot read the shape {text!r}", "write 16x28x28 for a feature map, or 196x192 for tokens")


def feature_map(shape: Shape) -> FeatureMap:
    """The shape, where it is a feature map.

    Raises:
        UsageError: it is a sequence of tokens, or has its channels last.
    """
    if not isinstance(shape, FeatureMap):
        raise UsageError(
            f"{shape} is no feature map with its channels first", "what compares maps of features needs a space of these"
        )
    return shape
