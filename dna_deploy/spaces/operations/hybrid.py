"""The layers of BossNAS's hybrid trellis (Li et al., arXiv 2103.12424, section 4): bottlenecks of convolution or attention.

Both narrow to a quarter of their width, learn where they are by a depthwise convolution that also takes the stride, and add a
shortcut: an average pool and a 1x1 convolution where the shape changes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.spaces.step import Step, attention, convolution, norm

RATIO = 4
"""Of the width to what is inside."""


@dataclass(frozen=True)
class Bottleneck(Operation):
    """What both have; ``activation`` follows every batch norm, and the sum."""

    activation: str = "relu"

    def inside(self, at: Place) -> FeatureMap:
        """What the middle works on.

        Raises:
            UsageError: the width is no multiple of the ratio.
        """
        if at.out_channels % RATIO:
            raise UsageError(f"a bottleneck of a {RATIO}th cannot be {at.out_channels} wide", f"take a multiple of {RATIO}")
        return replace(at.reduced, channels=at.out_channels // RATIO)

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, y, inside = at.feature_map, at.reduced, self.inside(at)
        narrow = replace(x, channels=inside.channels)
        body = (
            convolution(x, narrow, batch_norm=False),
            convolution(narrow, inside, 3, inside.channels, bias=True),
            *self.middle(at),
            convolution(inside, y),
        )
        if self.has_residual(at):
            return body
        pooled = FeatureMap(x.channels, y.height, y.width)
        kept = (body[0], *(replace(step, inputs=(*step.inputs, x)) for step in body[1:]))
        shortcut = convolution(pooled, y)
        return *kept, replace(shortcut, inputs=(*shortcut.inputs, y))

    @abstractmethod
    def middle(self, at: Place) -> tuple[Step, ...]:
        """From `inside` to `inside`."""

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape


@dataclass(frozen=True)
class ConvBottleneck(Bottleneck):
    """A 3x3 convolution in the middle."""

    @property
    def code(self) -> str:
        return "conv"

    def middle(self, at: Place) -> tuple[Step, ...]:
        return (convolution(self.inside(at), self.inside(at), 3),)


@dataclass(frozen=True)
class AttentionBottleneck(Bottleneck):
    """Attention of all places in the middle, with heads of ``head_channels`` channels."""

    head_channels: int = 64

    @property
    def code(self) -> str:
        return "att"

    def heads(self, at: Place) -> int:
        """How many there are.

        Raises:
            UsageError: they do not divide what is inside.
        """
        inside = self.inside(at)
        if inside.channels % self.head_channels:
            raise UsageError(
                f"heads of {self.head_channels} channels do not divide the {inside.channels} inside of {at.out_channels}",
                f"take a width that is a multiple of {RATIO * self.head_channels}",
            )
        return inside.channels // self.head_channels

    def middle(self, at: Place) -> tuple[Step, ...]:
        x, heads = self.inside(at), self.heads(at)
        enter = convolution(x, replace(x, channels=3 * x.channels), batch_norm=False)
        return enter, *attention(x, x, x, heads), norm(x)
