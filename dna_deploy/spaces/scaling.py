"""A network of a space made larger: deeper, wider, for larger images; its blocks still consist of the same operations.

Compound scaling of EfficientNet (Tan and Le, arXiv 1905.11946, section 3.3), applied to any network of any space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, BlockChoice, FixedLayer
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.placed import place_chain
from dna_deploy.spaces.sections import Sections
from dna_deploy.spaces.shapes import FeatureMap, Shape

_CHANNELS = 8
"""Widths are multiples of it, which processors like."""

_STEPS, _STEPS_A_POWER = 200, 10

_Layer = TypeVar("_Layer")


@dataclass(frozen=True)
class Scaling:
    """By what factors a network grows. The defaults leave it as it is."""

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0

    def __post_init__(self) -> None:
        if min(self.depth, self.width, self.resolution) < 1:
            raise UsageError(f"a network grows by factors of at least 1, not by {self}")

    def power(self, exponent: float) -> Scaling:
        """The same growth, so many times over."""
        return Scaling(self.depth**exponent, self.width**exponent, self.resolution**exponent)

    def wider(self, channels: int) -> int:
        """A scaled number of channels."""
        return channels if self.width == 1 else max(channels, _CHANNELS * round(channels * self.width / _CHANNELS))

    def deeper(self, layers: Sequence[_Layer]) -> tuple[_Layer, ...]:
        """The layers of a stage, in their order, each repeated about equally often."""
        depth = math.ceil(len(layers) * self.depth - 1e-9)
        return tuple(layers[layer * len(layers) // depth] for layer in range(depth))


def of_size(space: ChainSpace, share: float, wobble: Callable[[], float] = float) -> Architecture:
    """A network between the smallest of a space (share 0) and the largest (1), cells and operations in order of their costs.

    Args:
        space: Where it comes from.
        share: How far up that order.
        wobble: What is added to the share anew for every choice, so that networks of one size differ.
    """

    def place(count: int) -> int:
        return round(min(1.0, max(0.0, share + wobble())) * (count - 1))

    input, choices, width = space.index.entry, list[BlockChoice](), None
    for number, block in enumerate(space.blocks):
        cells = sorted(space.index.leading(number, width), key=lambda cell: (cell.depth, cell.width, cell.inner))
        cell = cells[place(len(cells))]
        layers = [
            sorted(layer, key=lambda placed: (placed.macs, placed.parameters))[place(len(layer))]
            for layer in block.place(cell, input)
        ]
        choices.append(cell.of(layer.operation for layer in layers))
        input, width = layers[-1].output, cell.width
    return Architecture.of(choices)


def largest(space: ChainSpace) -> Architecture:
    """In every block the deepest cell, of these the widest, and in each of its layers the operation with most parameters."""
    input, choices, width = space.index.entry, list[BlockChoice](), None
    for number, block in enumerate(space.blocks):
        cell = max(space.index.leading(number, width), key=lambda cell: (cell.depth, cell.width, cell.inner))
        layers = [max(layer, key=lambda placed: (placed.parameters, placed.macs)) for layer in block.place(cell, input)]
        choices.append(cell.of(layer.operation for layer in layers))
        input, width = layers[-1].output, cell.width
    return Architecture.of(choices)


def scaled(space: HeadedSpace, architecture: Architecture, scaling: Scaling) -> Sections:
    """The layers of a network of ``space`` after scaling. The number of classes stays.

    Raises:
        UsageError: the architecture is not in the space.
    """
    choices = space.index.choices(architecture)
    height, width = (round(size * scaling.resolution) for size in (space.input.height, space.input.width))
    after: Shape = FeatureMap(space.input.channels, height, width)
    stem = place_chain([(layer.operation, scaling.wider(layer.out_channels), layer.stride) for layer in space.stem], after)
    after = stem[-1].output if stem else after
    blocks = []
    for block, choice in zip(space.blocks, choices, strict=True):
        blocks.append(place_chain(_block_layers(block, choice, scaling), after))
        after = blocks[-1][-1].output
    return Sections(stem, tuple(blocks), place_chain(_head(space.head, scaling), after))


def grown(space: HeadedSpace, architecture: Architecture, step: Scaling, times: float) -> Sections:
    """The network scaled by the smallest power of ``step`` that has at least ``times`` its parameters.

    Raises:
        UsageError: no power of this step has so many.
    """
    target = times * scaled(space, architecture, Scaling()).parameters
    for count in range(_STEPS + 1):
        sections = scaled(space, architecture, step.power(count / _STEPS_A_POWER))
        if sections.parameters >= target:
            return sections
    raise UsageError(f"{architecture} never has {times:g} times its parameters by {step}", "let it grow in depth or width")


Layer = tuple[Operation, int, int]
"""An operation, its output channels and its stride."""


def _block_layers(block: Block, choice: BlockChoice, scaling: Scaling) -> list[Layer]:
    layers = scaling.deeper(range(choice.depth))
    strides = [1 if again else choice.strides[layer] for layer, again in _again(layers)] if choice.strides else ()
    deeper = replace(choice, operations=tuple(choice.operations[layer] for layer in layers), strides=tuple(strides))
    parts = zip(layers, deeper.operations, block.strides(deeper), strict=True)
    return [(operation, scaling.wider(choice.widths[layer]), stride) for layer, operation, stride in parts]


def _again(layers: Sequence[int]) -> list[tuple[int, bool]]:
    """Every layer, and whether it is the one before it again: a layer that is repeated divides once."""
    return [(layer, number > 0 and layers[number - 1] == layer) for number, layer in enumerate(layers)]


def _head(layers: tuple[FixedLayer, ...], scaling: Scaling) -> list[Layer]:
    *inner, last = layers
    widened = [(layer.operation, scaling.wider(layer.out_channels), layer.stride) for layer in inner]
    return [*widened, (last.operation, last.out_channels, last.stride)]
