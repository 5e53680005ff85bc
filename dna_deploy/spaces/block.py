"""Blocks of a chain: cells of layers to choose from, and where every candidate of a block stands."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import Shape

CellPath: TypeAlias = tuple[int, ...]
"""The number of the chosen operation in every layer of a cell."""

PlacedCell: TypeAlias = tuple[tuple[PlacedLayer, ...], ...]
"""``[layer][operation]``: every layer that a cell can put behind its input."""


@dataclass(frozen=True)
class BlockChoice:
    """A candidate of a block: its width and one operation a layer."""

    width: int
    operations: tuple[Operation, ...]

    @property
    def depth(self) -> int:
        return len(self.operations)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer with its place among candidates of the same shape, such as ``24x3 layer 2: k7e6`` (width x depth)."""
        shape = f"{self.width}x{self.depth}"
        return tuple(f"{shape} layer {number}: {operation.code}" for number, operation in enumerate(self.operations, 1))

    def __str__(self) -> str:
        return f"{self.width}:{','.join(operation.code for operation in self.operations)}"


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

    def draw(self, pick: Callable[[int], int]) -> CellPath:
        """A path: ``pick`` takes one of so many operations, layer after layer."""
        return tuple(pick(len(operations)) for operations in self.layers)

    def choice(self, path: CellPath) -> BlockChoice:
        """The candidate along a path."""
        return BlockChoice(self.width, tuple(operations[digit] for operations, digit in zip(self.layers, path, strict=True)))

    def candidates(self) -> Iterator[BlockChoice]:
        """Every candidate, the last layer varying fastest: the order of every array about a cell."""
        for operations in itertools.product(*self.layers):
            yield BlockChoice(self.width, operations)

    def place(self, input: Shape, stride: int, out_channels: int | None = None) -> PlacedCell:
        """Every layer that the cell can put behind ``input``; the last emits ``out_channels``, or the cell's width.

        Raises:
            UsageError: operations of one layer emit different shapes.
        """
        placed = []
        for depth, operations in enumerate(self.layers, 1):
            width = self.width if out_channels is None or depth < self.depth else out_channels
            layers = tuple(PlacedLayer(operation, operation.received(input), width, stride) for operation in operations)
            if len({layer.output for layer in layers}) != 1:
                raise UsageError(f"operations of one layer emit different shapes: {', '.join(map(str, layers))}")
            placed.append(layers)
            input, stride = layers[0].output, 1
        return tuple(placed)


@dataclass(frozen=True)
class Trunk:
    """Layers with shared weights, and the cells that they serve: ``stops`` holds (depth, number of the cell that ends there).

    Cells of one width that choose from the same operations may share a trunk: a shallower cell stops early.
    """

    cell: Cell
    stops: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Block:
    """A stage of the network. The first layer carries the stride; one of the cells is chosen.

    A candidate is named in three ways: as a `BlockChoice`, as the number of its cell and its path there, and by its position
    among all candidates of the block.
    """

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
        """Every candidate, cell after cell: the order of their positions."""
        return itertools.chain.from_iterable(cell.candidates() for cell in self.cells)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """The positions of every cell's candidates."""
        ends = tuple(itertools.accumulate(cell.count() for cell in self.cells))
        return tuple(itertools.starmap(slice, zip((0, *ends), ends, strict=False)))

    def path_of(self, choice: BlockChoice) -> tuple[int, CellPath]:
        """The number of a candidate's cell, and its path there.

        Raises:
            UsageError: it is no candidate of this block.
        """
        for number, cell in enumerate(self.cells):
            if (cell.width, cell.depth) == (choice.width, choice.depth):
                pairs = list(zip(cell.layers, choice.operations, strict=True))
                if all(operation in operations for operations, operation in pairs):
                    return number, tuple(operations.index(operation) for operations, operation in pairs)
        shapes = ", ".join(f"{cell.depth} layers of width {cell.width}" for cell in self.cells)
        raise UsageError(f"{choice} is no candidate of this block", f"its cells are {shapes}")

    def choice(self, cell: int, path: CellPath) -> BlockChoice:
        """The candidate with a path through a cell: the reverse of `path_of`."""
        return self.cells[cell].choice(path)

    def parse(self, text: str) -> BlockChoice:
        """The candidate that a text such as ``24:k3e6,k5e3`` names.

        Raises:
            UsageError: it names none of this block.
        """
        width, _, codes = text.partition(":")
        unknown = next((code for code in codes.split(",") if code not in self._operations), None)
        if unknown is not None:
            raise UsageError(f"unknown operation {unknown!r} in {text!r}", suggest(unknown, tuple(self._operations)))
        if not width.isdecimal():
            raise UsageError(f"cannot read block {text!r}", "a block looks like 24:k3e6,k5e3")
        choice = BlockChoice(int(width), tuple(self._operations[code] for code in codes.split(",")))
        self.path_of(choice)
        return choice

    @cached_property
    def _operations(self) -> dict[str, Operation]:
        return {op.code: op for cell in self.cells for operations in cell.layers for op in operations}

    def position(self, cell: int, path: CellPath) -> int:
        """The position of the candidate with a path through a cell."""
        position = 0
        for operations, chosen in zip(self.cells[cell].layers, path, strict=True):
            position = position * len(operations) + chosen
        return int(self.slices[cell].start) + position

    def path_at(self, position: int) -> tuple[int, CellPath]:
        """The cell and the path of the candidate at a position: the reverse of `position`."""
        number = next(number for number, candidates in enumerate(self.slices) if position < candidates.stop)
        path, position = [], position - self.slices[number].start
        for operations in reversed(self.cells[number].layers):
            position, chosen = divmod(position, len(operations))
            path.append(chosen)
        return number, tuple(reversed(path))

    def trunks(self, *, share_depths: bool) -> tuple[Trunk, ...]:
        """The trunks of the block, in the order of their first cells: one a cell, or one a width."""
        stops: dict[Cell, list[tuple[int, int]]] = {}
        for number, cell in enumerate(self.cells):
            longer = (other for other in self.cells if other.width == cell.width and other.layers[: cell.depth] == cell.layers)
            trunk = max(longer, key=lambda other: other.depth) if share_depths else cell
            stops.setdefault(trunk, []).append((cell.depth, number))
        return tuple(Trunk(cell, tuple(served)) for cell, served in stops.items())
