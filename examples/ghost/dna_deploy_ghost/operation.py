"""The Ghost layer (Han et al., GhostNet, CVPR 2020, arXiv 1911.11907): half of its channels come cheaply from the others."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.api import FeatureMap, Operation, Place, Step, convolution


@dataclass(frozen=True)
class Ghost(Operation):
    """A dense convolution to half of the channels, and a depthwise one from those to the other half."""

    kernel_size: int

    @property
    def code(self) -> str:
        return f"g{self.kernel_size}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        half = FeatureMap(at.out_channels // 2, at.reduced.height, at.reduced.width)
        return convolution(at.feature_map, half, self.kernel_size), convolution(half, half, self.kernel_size, half.channels)
