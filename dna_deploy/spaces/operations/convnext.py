"""The block of ConvNeXt (Liu et al., arXiv 2201.03545): a large depthwise convolution in the place of attention."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import Tokens
from dna_deploy.spaces.step import Step, convolution, linear, norm


@dataclass(frozen=True)
class ConvNeXt(Operation):
    """Depthwise kxk with a bias, layer norm over the channels of every place, two linear maps around a GELU; residual."""

    kernel_size: int = 7
    expansion: int = 4

    @property
    def code(self) -> str:
        return f"n{self.kernel_size}e{self.expansion}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        x = at.feature_map
        if not at.keeps_shape:
            raise UsageError(f"{self.code} cannot map {x} to {at.out_channels} channels with stride {at.stride}")
        places = Tokens(x.height * x.width, x.channels)
        hidden = places.to(x.channels * self.expansion)
        depthwise = convolution(x, x.to(x.channels), self.kernel_size, x.channels, bias=True, batch_norm=False)
        return depthwise, norm(x.to(x.channels)), linear(places, hidden.channels), linear(hidden, x.channels)

    def has_residual(self, at: Place) -> bool:
        return True
