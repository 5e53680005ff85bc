"""A search space: a fixed stem, blocks that hold choices, a fixed head. Counts, enumerates, places and samples exactly."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.spaces.architecture import Architecture, BlockChoice
from dna_deploy.spaces.operations import FeatureMap, Operation
from dna_deploy.spaces.placed import PlacedLayer, describe_operation


@dataclass(frozen=True)
class FixedLayer:
    """A layer that every network of the space has."""

    operation: Operation
    out_channels: int
    stride: int = 1


@dataclass(frozen=True)
class Cell:
    """One width and depth of a block. Each layer picks one of its operations."""

    width: int
    layers: tuple[tuple[Operation, ...], ...]

    @classmethod
    def uniform(cls, width: int, depth: int, operations: tuple[Operation, ...]) -> Cell:
        """A cell whose layers all choose from the same operations."""
        return cls(width, (operations,) * depth)

    @property
    def depth(self) -> int:
        return len(self.layers)

    def count(self) -> int:
        return math.prod(len(operations) for operations in self.layers)

    def candidates(self) -> Iterator[BlockChoice]:
        """Every candidate, the last layer varying fastest: the order of every array about a cell."""
        for operations in itertools.product(*self.layers):
            yield BlockChoice(self.width, operations)


@dataclass(frozen=True)
class Block:
    """A stage of the network. The first layer carries the stride; one of the cells is chosen."""

    stride: int
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        names = [(cell.width, cell.depth) for cell in self.cells]
        if len(set(names)) != len(names):
            raise UsageError(f"two cells of a block have the same width and depth: {names}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Every width that the block can emit, ascending."""
        return tuple(sorted({cell.width for cell in self.cells}))

    def count(self) -> int:
        return sum(cell.count() for cell in self.cells)

    def candidates(self) -> Iterator[BlockChoice]:
        """Every candidate, cell after cell."""
        return itertools.chain.from_iterable(cell.candidates() for cell in self.cells)

    def cell_of(self, choice: BlockChoice) -> Cell:
        """The cell that a choice belongs to."""
        for cell in self.cells:
            if cell.width == choice.width and cell.depth == choice.depth:
                if all(op in known for op, known in zip(choice.operations, cell.layers, strict=True)):
                    return cell
        shapes = ", ".join(f"{cell.depth} layers of width {cell.width}" for cell in self.cells)
        raise UsageError(f"{choice} is no candidate of this block", f"its cells are {shapes}")


@dataclass(frozen=True)
class SearchSpace:
    """Everything that may be chosen, and what is fixed around it."""

    name: str
    input: FeatureMap
    stem: tuple[FixedLayer, ...]
    blocks: tuple[Block, ...]
    head: tuple[FixedLayer, ...]

    @cached_property
    def digest(self) -> str:
        """Names the space in files: equal digests mean equal candidates in equal order at equal shapes."""
        text = json.dumps(self.describe(), sort_keys=True, separators=(",", ":"))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def describe(self) -> dict[str, object]:
        """The space as plain data."""

        def fixed(layers: tuple[FixedLayer, ...]) -> list[list[object]]:
            return [[describe_operation(layer.operation), layer.out_channels, layer.stride] for layer in layers]

        def cell(of: Cell) -> list[object]:
            return [of.width, [[describe_operation(op) for op in operations] for operations in of.layers]]

        return {
            "name": self.name,
            "input": str(self.input),
            "stem": fixed(self.stem),
            "blocks": [[block.stride, [cell(of) for of in block.cells]] for block in self.blocks],
            "head": fixed(self.head),
        }

    @property
    def classes(self) -> int:
        return self.head[-1].out_channels

    def with_resolution(self, resolution: int) -> SearchSpace:
        """The same choices for square images of another size; its name carries the size."""
        if resolution < 1:
            raise UsageError(f"a resolution of {resolution} does not exist")
        if resolution == self.input.height == self.input.width:
            return self
        name = f"{self.name.partition('@')[0]}@{resolution}"
        return replace(self, name=name, input=FeatureMap(self.input.channels, resolution, resolution))

    def with_classes(self, classes: int) -> SearchSpace:
        """The same choices with another number of classes."""
        return replace(self, head=(*self.head[:-1], replace(self.head[-1], out_channels=classes)))

    def count(self) -> int:
        return math.prod(block.count() for block in self.blocks)

    def architectures(self) -> Iterator[Architecture]:
        """Every network of the space. Only small spaces end in this lifetime."""
        for choices in itertools.product(*(tuple(block.candidates()) for block in self.blocks)):
            yield Architecture(choices)

    def sample(self, rng: random.Random) -> Architecture:
        """A network drawn uniformly from the space."""
        choices = []
        for block in self.blocks:
            (cell,) = rng.choices(block.cells, weights=[of.count() for of in block.cells])
            choices.append(BlockChoice(cell.width, tuple(rng.choice(operations) for operations in cell.layers)))
        return Architecture(tuple(choices))

    # Placing: which layers a choice means, with what they receive.

    @cached_property
    def stem_layers(self) -> tuple[PlacedLayer, ...]:
        return _place_fixed(self.stem, self.input)

    def block_inputs(self, index: int) -> tuple[FeatureMap, ...]:
        """Every shape that block ``index`` can receive, by ascending width. ``index == len(blocks)`` is the head."""
        if index == 0:
            return (self.stem_layers[-1].output if self.stem else self.input,)
        before = self.block_inputs(index - 1)[0]
        stride = self.blocks[index - 1].stride
        height, width = -(-before.height // stride), -(-before.width // stride)
        return tuple(FeatureMap(channels, height, width) for channels in self.blocks[index - 1].widths)

    def place_choice(self, index: int, choice: BlockChoice, input: FeatureMap) -> tuple[PlacedLayer, ...]:
        """The layers that a candidate of block ``index`` puts behind ``input``."""
        placed = []
        for depth, operation in enumerate(choice.operations):
            layer = PlacedLayer(operation, input, choice.width, self.blocks[index].stride if depth == 0 else 1)
            placed.append(layer)
            input = layer.output
        return tuple(placed)

    def head_layers(self, input: FeatureMap) -> tuple[PlacedLayer, ...]:
        return _place_fixed(self.head, input)

    def place(self, architecture: Architecture) -> tuple[PlacedLayer, ...]:
        """Every layer of a network from stem to head.

        Raises:
            UsageError: the architecture is not in this space.
        """
        self.check(architecture)
        layers = list(self.stem_layers)
        input = layers[-1].output if layers else self.input
        for index, choice in enumerate(architecture.blocks):
            layers.extend(self.place_choice(index, choice, input))
            input = layers[-1].output
        return (*layers, *self.head_layers(input))

    def rows(self) -> tuple[PlacedLayer, ...]:
        """Every distinct layer that any network of the space can hold: the rows of a latency table."""
        rows: dict[PlacedLayer, None] = dict.fromkeys(self.stem_layers)
        for index, block in enumerate(self.blocks):
            for cell in block.cells:
                for input in self.block_inputs(index):
                    shapes: tuple[FeatureMap, ...] = (input,)
                    stride = block.stride
                    for operations in cell.layers:
                        layers = [PlacedLayer(op, shape, cell.width, stride) for shape in shapes for op in operations]
                        rows.update(dict.fromkeys(layers))
                        shapes, stride = tuple(dict.fromkeys(layer.output for layer in layers)), 1
        for input in self.block_inputs(len(self.blocks)):
            rows.update(dict.fromkeys(self.head_layers(input)))
        return tuple(rows)

    def check(self, architecture: Architecture) -> None:
        """Raises `UsageError` if the architecture is not in this space."""
        if len(architecture.blocks) != len(self.blocks):
            raise UsageError(
                f"architecture {architecture} has {len(architecture.blocks)} blocks", f"{self.name!r} has {len(self.blocks)}"
            )
        for block, choice in zip(self.blocks, architecture.blocks, strict=True):
            block.cell_of(choice)

    def parse(self, line: str) -> Architecture:
        """The architecture that a line such as ``24:k3e6,k5e3/40:k3e6/...`` names."""
        parts = line.strip().split("/")
        if len(parts) != len(self.blocks):
            raise UsageError(f"architecture {line!r} has {len(parts)} blocks", f"{self.name!r} has {len(self.blocks)}")
        return Architecture(tuple(_parse_choice(part, block) for part, block in zip(parts, self.blocks, strict=True)))


def _place_fixed(layers: tuple[FixedLayer, ...], input: FeatureMap) -> tuple[PlacedLayer, ...]:
    placed = []
    for layer in layers:
        placed.append(PlacedLayer(layer.operation, input, layer.out_channels, layer.stride))
        input = placed[-1].output
    return tuple(placed)


def _parse_choice(text: str, block: Block) -> BlockChoice:
    width, _, codes = text.partition(":")
    known = {op.code: op for cell in block.cells for operations in cell.layers for op in operations}
    operations = []
    for code in codes.split(","):
        if code not in known:
            raise UsageError(f"unknown operation {code!r} in {text!r}", suggest(code, tuple(known)))
        operations.append(known[code])
    if not width.isdecimal():
        raise UsageError(f"cannot read block {text!r}", "a block looks like 24:k3e6,k5e3")
    choice = BlockChoice(int(width), tuple(operations))
    block.cell_of(choice)
    return choice
