"""The inverted bottleneck with a dense convolution (EfficientNetV2, Tan and Le, arXiv 2104.00298)."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.operations.uib import at_the_end
from dna_deploy.spaces.step import Step, convolutions


@dataclass(frozen=True)
class FusedMBConv(Operation):
    """Expand by a dense kxk convolution, project 1x1; residual where shapes allow."""

    kernel_size: int
    expansion: int
    activation: str = "relu"
    last: str = "none"
    """The activation behind the projection."""

    @property
    def code(self) -> str:
        behind = "" if self.last == "none" else f".to.{self.last}"
        return f"d{self.kernel_size}e{self.expansion}{at_the_end(self.activation)}{behind}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        hidden = at.feature_map.channels * self.expansion
        return convolutions(at.feature_map, (hidden, self.kernel_size, at.stride, 1), (at.out_channels, 1, 1, 1))

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape and self.last == "none"
