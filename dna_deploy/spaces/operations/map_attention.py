"""Attention on feature maps in which batch norms fold away: LeViT's, and linear attention."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.spaces.step import Step, attention, convolution, convolutions


@dataclass(frozen=True)
class LevitAttention(Operation):
    """1x1 convolutions with batch norm, scores with a learned bias for every distance, hard swish (LeViT, arXiv 2104.01136).

    Values have ``ratio`` times the channels of keys. Residual where shapes allow.
    """

    heads: int
    head_channels: int = 16
    ratio: int = 2

    @property
    def code(self) -> str:
        return f"l{self.heads}x{self.head_channels}r{self.ratio}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, keys = at.feature_map, self.heads * self.head_channels
        if at.stride > 1:
            raise UsageError(f"{self.code} does not reduce: it stands where the stride is 1, not {at.stride}")
        score, mix = attention(x.to(keys), x.to(keys), x.to(self.ratio * keys), self.heads)
        bias = Step((score.output,), score.output, weights=self.heads * x.height * x.width)
        enter = convolutions(x, (2 * keys + self.ratio * keys, 1, 1, 1))
        return *enter, score, bias, mix, *convolutions(x.to(self.ratio * keys), (at.out_channels, 1, 1, 1))

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape


@dataclass(frozen=True)
class LinearAttention(Operation):
    """Attention without a softmax, whose work grows with the places and not their square (EfficientViT, arXiv 2205.14756).

    Queries, keys and values are used as they are, and mixed by a depthwise convolution of ``kernel_size``. Residual where
    shapes allow.
    """

    head_channels: int = 16
    kernel_size: int = 5

    @property
    def code(self) -> str:
        return f"e{self.head_channels}k{self.kernel_size}"

    def heads(self, at: Place) -> int:
        """How many there are.

        Raises:
            UsageError: they do not divide the channels, or there is a stride.
        """
        channels = at.feature_map.channels
        if channels % self.head_channels or at.stride > 1:
            raise UsageError(f"heads of {self.head_channels} channels cannot map {at.feature_map} with stride {at.stride}")
        return channels // self.head_channels

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, heads, size = at.feature_map, self.heads(at), self.head_channels
        triple, both = x.to(3 * x.channels), x.to(6 * x.channels)
        macs = 2 * heads * x.height * x.width * size * (size + 1)  # of two scales; one more channel counts the keys
        summed = FeatureMap(2 * heads, size, size + 1)
        return (
            convolution(x, triple, batch_norm=False),
            convolution(triple, triple, self.kernel_size, triple.channels, batch_norm=False),
            convolution(triple, triple, 1, 3 * heads, batch_norm=False),
            Step((both,), summed, macs=macs),
            Step((both, summed), x.to(2 * x.channels), macs=macs),
            convolution(x.to(2 * x.channels), at.reduced),
        )

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape
