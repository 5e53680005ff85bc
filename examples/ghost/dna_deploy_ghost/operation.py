"""The Ghost layer (Han et al., GhostNet, CVPR 2020, arXiv 1911.11907): half of its channels come cheaply from the others."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.api import Convolution, FeatureMap, Operation


@dataclass(frozen=True)
class Ghost(Operation):
    """A dense convolution to half of the channels, and a depthwise one from those to the other half."""

    kernel_size: int

    @property
    def code(self) -> str:
        return f"g{self.kernel_size}"

    def convolutions(self, input: FeatureMap, out_channels: int, stride: int) -> tuple[Convolution, ...]:
        whole = self.output(input, out_channels, stride)
        half = FeatureMap(out_channels // 2, whole.height, whole.width)
        return Convolution(input, half, self.kernel_size), Convolution(half, half, self.kernel_size, groups=half.channels)
