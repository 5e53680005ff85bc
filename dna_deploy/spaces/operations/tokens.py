"""Operations on sequences of tokens (Dosovitskiy et al., arXiv 2010.11929), and layers that receive two tensors."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens
from dna_deploy.spaces.step import Step, attention, convolution, layer_norm, linear


@dataclass(frozen=True)
class Patches(Operation):
    """An image cut into squares of ``size`` pixels, each mapped to a token; a learned vector a place is added.

    Before them stand ``class_tokens`` tokens that are learned, for the head to read.
    """

    size: int
    class_tokens: int = 0

    @property
    def code(self) -> str:
        return f"patches{self.size}" + (f".{self.class_tokens}" if self.class_tokens else "")

    def output(self, at: Place) -> Tokens:
        grid = self._grid(at)
        return Tokens(self.class_tokens + grid.height * grid.width, at.out_channels)

    def steps(self, at: Place) -> tuple[Step, ...]:
        grid, tokens = self._grid(at), self.output(at)
        cut = convolution(at.feature_map, grid, self.size, bias=True, batch_norm=False)
        return cut, Step((grid,), tokens, weights=tokens.elements + self.class_tokens * tokens.channels)

    def _grid(self, at: Place) -> FeatureMap:
        image = at.feature_map
        if image.height % self.size or image.width % self.size:
            raise UsageError(
                f"patches of {self.size} pixels do not divide images of {image.height}x{image.width}",
                f"take a resolution that is a multiple of {self.size}",
            )
        return FeatureMap(at.out_channels, image.height // self.size, image.width // self.size)


@dataclass(frozen=True)
class SelfAttention(Operation):
    """Layer norm and multi-head attention of every token to all (Vaswani et al., arXiv 1706.03762), with a residual."""

    heads: int

    @property
    def code(self) -> str:
        return f"a{self.heads}"

    def output(self, at: Place) -> Tokens:
        if at.tokens.channels % self.heads or at.out_channels != at.tokens.channels:
            raise UsageError(f"{self.heads} heads cannot map {at.tokens} to {at.out_channels} channels")
        return at.tokens

    def steps(self, at: Place) -> tuple[Step, ...]:
        x = at.tokens
        return layer_norm(x), linear(x, 3 * x.channels), *attention(x, x, x, self.heads), linear(x, x.channels)

    def has_residual(self, at: Place) -> bool:
        return True


@dataclass(frozen=True)
class FeedForward(Operation):
    """Layer norm and two linear maps around a GELU, ``expansion`` times as wide inside; residual where shapes allow."""

    expansion: int

    @property
    def code(self) -> str:
        return f"f{self.expansion}"

    def output(self, at: Place) -> Tokens:
        return Tokens(at.tokens.length, at.out_channels)

    def steps(self, at: Place) -> tuple[Step, ...]:
        inner = Tokens(at.tokens.length, at.tokens.channels * self.expansion)
        return layer_norm(at.tokens), linear(at.tokens, inner.channels), linear(inner, at.out_channels)

    def has_residual(self, at: Place) -> bool:
        return at.tokens.channels == at.out_channels


@dataclass(frozen=True)
class Add(Operation):
    """The sum of tensors of one shape."""

    @property
    def code(self) -> str:
        return "add"

    def output(self, at: Place) -> Shape:
        if len(set(at.inputs)) != 1 or len(at.inputs) < 2 or at.inputs[0].channels != at.out_channels:
            raise UsageError(f"cannot add {' and '.join(map(str, at.inputs))} to {at.out_channels} channels")
        return at.inputs[0]

    def steps(self, at: Place) -> tuple[Step, ...]:
        return (Step(at.inputs, self.output(at)),)


@dataclass(frozen=True)
class Concatenate(Operation):
    """Feature maps of one size laid on each other, then a 1x1 convolution, batch norm and activation."""

    activation: str = "silu"

    @property
    def code(self) -> str:
        return "cat"

    def steps(self, at: Place) -> tuple[Step, ...]:
        maps = [shape for shape in at.inputs if isinstance(shape, FeatureMap)]
        if len(maps) < len(at.inputs) or len({(shape.height, shape.width) for shape in maps}) != 1 or at.stride != 1:
            raise UsageError(f"cannot lay {' and '.join(map(str, at.inputs))} on each other with stride {at.stride}")
        whole = FeatureMap(sum(shape.channels for shape in maps), maps[0].height, maps[0].width)
        return Step(at.inputs, whole), convolution(whole, at.reduced)
