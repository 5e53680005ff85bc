"""The universal inverted bottleneck of MobileNetV4 (Qin et al., arXiv 2404.10518, section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place, squeeze_excite
from dna_deploy.spaces.shapes import feature_map
from dna_deploy.spaces.step import Step, convolution, convolutions


@dataclass(frozen=True)
class UIB(Operation):
    """Depthwise, expand 1x1, depthwise, squeeze-excite, project 1x1; residual where shapes allow. The first has no activation.

    A kernel size of 0 leaves a depthwise convolution out: (0, 3) is an inverted bottleneck, (3, 0) is like ConvNeXt, (3, 3) has
    both and (0, 0) is a feed-forward layer. The last of them carries the stride. Squeeze-excite reduces to ``se_ratio`` of the
    hidden channels, in eights and at most a tenth below, as MobileNetV3 counts it (arXiv 1905.02244).
    """

    before: int
    inside: int
    expansion: int
    activation: str = "relu"
    se_ratio: float = 0.0

    @property
    def code(self) -> str:
        return f"u{self.before}{self.inside}e{self.expansion}{'s' * bool(self.se_ratio)}{at_the_end(self.activation)}"

    def squeezed_channels(self, hidden: int) -> int:
        share = hidden * self.se_ratio
        nearest = max(8, 8 * int(share / 8 + 0.5))
        return nearest if nearest >= 0.9 * share else nearest + 8

    def strides(self, at: Place) -> tuple[int, int]:
        """Of the depthwise convolution before the expansion, and of the one inside.

        Raises:
            UsageError: there is none for the stride.
        """
        if at.stride > 1 and not (self.before or self.inside):
            raise UsageError(f"{self.code} has no depthwise convolution for a stride of {at.stride}")
        return (1, at.stride) if self.inside else (at.stride, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        input, (first, second) = at.feature_map, self.strides(at)
        hidden = input.channels * self.expansion
        before = [(input.channels, self.before, first, input.channels)] if self.before else []
        inside = [(hidden, self.inside, second, hidden)] if self.inside else []
        wide = convolutions(input, *before, (hidden, 1, 1, 1), *inside)
        mixed = feature_map(wide[-1].output)
        gate = squeeze_excite(mixed, self.squeezed_channels(hidden)) if self.se_ratio else ()
        return *wide, *gate, convolution(mixed, at.reduced)

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape


def at_the_end(activation: str) -> str:
    """An activation in a code: nothing for ReLU, which is usual where 8 bits matter."""
    return "" if activation == "relu" else f".{activation}"
