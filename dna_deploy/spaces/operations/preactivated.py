"""The layers of NATS-Bench (Dong et al., arXiv 2009.00437): ReLU, a convolution, batch norm; sums have no activation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap, Shape
from dna_deploy.spaces.step import Step, convolution


def _beside(step: Step, *others: Shape) -> Step:
    """A step during which other tensors are kept."""
    return replace(step, inputs=(*step.inputs, *others))


@dataclass(frozen=True)
class DenseCell(Operation):
    """The cell of the size space: nodes 1 = c(x), 2 = c(x) + c(1), 3 = x + c(1) + c(2), each c a 3x3 convolution of its own.

    Where channels change, a 1x1 convolution and batch norm stand in for the bare x.
    """

    @property
    def code(self) -> str:
        return "cell"

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, node = at.feature_map, at.reduced
        if at.stride != 1:
            raise UsageError(f"the cell has no stride of {at.stride}")
        skip = (_beside(convolution(x, node), node, node),) if x.channels != node.channels else ()
        inner = convolution(node, node, 3)
        first = convolution(x, node, 3)
        return (first, _beside(first, node), _beside(inner, node, x), *skip, _beside(inner, node, node), _beside(inner, node))


@dataclass(frozen=True)
class PreactivatedBlock(Operation):
    """Two 3x3 convolutions beside a shortcut: an average pool where there is a stride, a 1x1 convolution where it is needed."""

    @property
    def code(self) -> str:
        return "res"

    def has_shortcut_convolution(self, at: Place) -> bool:
        """Whether the shortcut has weights: always behind its pool, as in the benchmark."""
        return at.stride > 1 or at.feature_map.channels != at.out_channels

    def steps(self, at: Place) -> tuple[Step, ...]:
        x, y = at.feature_map, at.reduced
        pooled = FeatureMap(x.channels, y.height, y.width)
        shortcut = (_beside(convolution(pooled, y, batch_norm=False), y),) if self.has_shortcut_convolution(at) else ()
        return (convolution(x, y, 3), _beside(convolution(y, y, 3), x), *shortcut)


@dataclass(frozen=True)
class NormHead(Operation):
    """Batch norm, ReLU, global average pool and a linear map to the classes."""

    @property
    def code(self) -> str:
        return "normhead"

    def output(self, at: Place) -> FeatureMap:
        return FeatureMap(at.out_channels, 1, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        x = at.feature_map
        classify = convolution(FeatureMap(x.channels, 1, 1), self.output(at), bias=True, batch_norm=False)
        return Step((x,), x, weights=2 * x.channels), classify
