"""Self-attention on feature maps, of a whole map or within windows (Swin, Liu et al., arXiv 2103.14030)."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap, Tokens
from dna_deploy.spaces.step import Step, attention, linear, norm


@dataclass(frozen=True)
class WindowAttention(Operation):
    """Layer norm over the channels of every place and multi-head attention among the places of a window, with a residual.

    A ``window`` of 0 is the whole map.
    """

    heads: int
    window: int = 0

    @property
    def code(self) -> str:
        return f"w{self.window}h{self.heads}" if self.window else f"g{self.heads}"

    def size(self, at: Place) -> tuple[int, int]:
        """Height and width of a window."""
        return (self.window, self.window) if self.window else (at.feature_map.height, at.feature_map.width)

    def output(self, at: Place) -> FeatureMap:
        x, (height, width) = at.feature_map, self.size(at)
        if x.channels % self.heads or not at.keeps_shape:
            raise UsageError(f"{self.heads} heads cannot map {x} to {at.out_channels} channels with stride {at.stride}")
        if x.height % height or x.width % width:
            hint = f"take a resolution at which maps are multiples of {self.window}"
            raise UsageError(f"windows of {height}x{width} do not divide {x.height}x{x.width}", hint)
        return x

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, (height, width) = self.output(at), self.size(at)
        places, window = Tokens(x.height * x.width, x.channels), Tokens(height * width, x.channels)
        enter, leave = linear(places, 3 * x.channels), linear(places, x.channels)
        return norm(x), enter, *attention(places, window, window, self.heads), leave

    def has_residual(self, at: Place) -> bool:
        return True
