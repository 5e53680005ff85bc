"""Convolutions in groups, and pools."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.operations.uib import at_the_end
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.spaces.step import Step, convolutions


@dataclass(frozen=True)
class GroupedConv(Operation):
    """A convolution in groups of so many channels, batch norm and activation; see `Conv` for one that is dense."""

    kernel_size: int
    group_channels: int
    activation: str = "relu"

    @property
    def code(self) -> str:
        return f"c{self.kernel_size}g{self.group_channels}{at_the_end(self.activation)}"

    def steps(self, at: Place) -> tuple[Step, ...]:
        groups = groups_of(at, self.group_channels)
        return convolutions(at.feature_map, (at.out_channels, self.kernel_size, at.stride, groups))


@dataclass(frozen=True)
class Pool(Operation):
    """The mean (``avg``) or the largest (``max``) of every neighbourhood; a kernel size of 1 passes what it receives."""

    kernel_size: int
    kind: str = "avg"

    @property
    def code(self) -> str:
        return "skip" if self.kernel_size == 1 else f"{self.kind}{self.kernel_size}"

    def output(self, at: Place) -> FeatureMap:
        if at.feature_map.channels != at.out_channels:
            raise UsageError(f"{self.code} cannot map {at.feature_map} to {at.out_channels} channels")
        return at.reduced

    def steps(self, at: Place) -> tuple[Step, ...]:
        return ()


def groups_of(at: Place, group_channels: int) -> int:
    """How many groups of so many channels there are; 0 stands for one group of all.

    Raises:
        UsageError: they do not divide what is received or emitted.
    """
    received = at.feature_map.channels
    groups = received // group_channels if group_channels else 1
    if groups * (group_channels or received) != received or at.out_channels % groups:
        raise UsageError(f"groups of {group_channels} channels do not divide {received} and {at.out_channels} channels")
    return groups
