"""Convolutions that are trained as several branches and exported, and profiled, as one."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.operations.simple import groups_of
from dna_deploy.spaces.operations.uib import at_the_end
from dna_deploy.spaces.step import Step


@dataclass(frozen=True)
class RepConv(Operation):
    """The sum of ``branches`` kxk convolutions, one of 1x1 and, where shapes allow, the input, each with batch norm.

    One branch is RepVGG (Ding et al., arXiv 2101.03697), several are MobileOne (arXiv 2206.04040). Groups of 0 channels are
    one dense convolution, of 1 channel a depthwise one. The activation comes last.
    """

    kernel_size: int
    branches: int = 1
    group_channels: int = 0
    activation: str = "relu"

    @property
    def code(self) -> str:
        return f"r{self.kernel_size}b{self.branches}g{self.group_channels}{at_the_end(self.activation)}"

    def groups(self, at: Place) -> int:
        return groups_of(at, self.group_channels)

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, output = at.feature_map, at.reduced
        small = x.channels // self.groups(at) * output.channels
        kernel, norm = small * self.kernel_size**2, 2 * output.channels
        trained = self.branches * (kernel + norm) + small + norm + (norm if at.keeps_shape else 0)
        stays = kernel + output.channels
        return (Step((x,), output, stays, kernel * output.height * output.width, trained - stays),)


@dataclass(frozen=True)
class RepMixer(Operation):
    """What FastViT mixes places by (arXiv 2303.14189): the input and a depthwise convolution less its batch norm."""

    kernel_size: int = 3

    @property
    def code(self) -> str:
        return f"x{self.kernel_size}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        x = at.feature_map
        if not at.keeps_shape:
            raise UsageError(f"{self.code} cannot map {x} to {at.out_channels} channels with stride {at.stride}")
        kernel = x.channels * self.kernel_size**2
        trained, stays = kernel + x.channels + 8 * x.channels, kernel + x.channels
        return (Step((x,), at.reduced, stays, kernel * x.height * x.width, trained - stays),)
