"""Blocks of a chain: cells of layers to choose from, and where every candidate of a block stands."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
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

_MOST_NAMED = 8
"""Cells that an error lists."""


@dataclass(frozen=True)
class BlockChoice:
    """A candidate of a block: its width and one operation a layer."""

    width: int
    operations: tuple[Operation, ...]
    inner: tuple[int, ...] = ()
    """The widths of all layers but the last, where they have their own."""
    entry: int = 0
    """The only width behind which it may stand; 0 is any."""
    strides: tuple[int, ...] = ()
    """By what each layer divides height and width, where the block does not say so."""

    @property
    def depth(self) -> int:
        return len(self.operations)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer with its place among candidates of the same shape, such as ``24x3 layer 2: k7e6`` (width x depth)."""
        shape = _shape_name(self)
        return tuple(f"{shape} layer {number}: {operation.code}" for number, operation in enumerate(self.operations, 1))

    @property
    def shape(self) -> tuple[int, int, tuple[int, ...], int]:
        """That of its cell."""
        return self.width, self.depth, self.inner, self.entry

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of every layer."""
        return (*(self.inner or (self.width,) * (self.depth - 1)), self.width)

    def __str__(self) -> str:
        return f"{_joined(self)}:{','.join(operation.code for operation in self.operations)}"


def _joined(part: BlockChoice | Cell) -> str:
    return (f"{part.entry}~" if part.entry else "") + "-".join(map(str, (*part.inner, part.width)))


def _shape_name(part: BlockChoice | Cell) -> str:
    return _joined(part) if part.inner else f"{_joined(part)}x{part.depth}"


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
    inner: tuple[int, ...] = ()
    """The widths of all layers but the last, where they have their own."""
    entry: int = 0
    """The only width behind which it may stand; 0 is any."""
    strides: tuple[int, ...] = ()
    """By what each layer divides height and width, where the block does not say so."""

    def __post_init__(self) -> None:
        if self.inner and len(self.inner) != self.depth - 1:
            raise UsageError(f"{len(self.inner)} inner widths for a cell of {self.depth} layers", "give all but the last")
        if self.strides and len(self.strides) != self.depth:
            raise UsageError(f"{len(self.strides)} strides for a cell of {self.depth} layers", "give one a layer")

    @classmethod
    def uniform(cls, width: int, depth: int, operations: tuple[Operation, ...]) -> Cell:
        """A cell whose layers all choose from the same operations."""
        return cls(width, (operations,) * depth)

    @property
    def depth(self) -> int:
        return len(self.layers)

    @property
    def name(self) -> str:
        """Its widths and depth: ``24x3`` (width x depth), ``8-8-24`` (layer after layer), ``8~24x3`` (only behind width 8)."""
        return _shape_name(self)

    @property
    def shape(self) -> tuple[int, int, tuple[int, ...], int]:
        """What tells it from other cells of its block; a candidate has that of its cell."""
        return self.width, self.depth, self.inner, self.entry

    def count(self) -> int:
        return math.prod(len(operations) for operations in self.layers)

    def begins(self, other: Cell) -> bool:
        """Whether another cell has the layers of this one, and perhaps more behind them."""
        has_layers = other.layers[: self.depth] == self.layers and other.strides[: self.depth] == self.strides
        return has_layers and (other.width, other.entry) == (self.width, self.entry)

    def draw(self, pick: Callable[[int], int]) -> CellPath:
        """A path: ``pick`` takes one of so many operations, layer after layer."""
        return tuple(pick(len(operations)) for operations in self.layers)

    def choice(self, path: CellPath) -> BlockChoice:
        """The candidate along a path."""
        return self.of(operations[digit] for operations, digit in zip(self.layers, path, strict=True))

    def of(self, operations: Iterable[Operation]) -> BlockChoice:
        """The candidate with these operations."""
        return BlockChoice(self.width, tuple(operations), self.inner, self.entry, self.strides)

    def candidates(self) -> Iterator[BlockChoice]:
        """Every candidate, the last layer varying fastest: the order of every array about a cell."""
        return map(self.of, itertools.product(*self.layers))

    def place(self, input: Shape, strides: Iterable[int], out_channels: int | None = None) -> PlacedCell:
        """Every layer that the cell can put behind ``input``; the last emits ``out_channels``, or the cell's width.

        Raises:
            UsageError: operations of one layer emit different shapes.
        """
        placed = []
        widths = (*(self.inner or (self.width,) * (self.depth - 1)), out_channels or self.width)
        for operations, width, stride in zip(self.layers, widths, strides, strict=True):
            layers = tuple(PlacedLayer(operation, operation.received(input), width, stride) for operation in operations)
            if len({layer.output for layer in layers}) != 1:
                raise UsageError(f"operations of one layer emit different shapes: {', '.join(map(str, layers))}")
            placed.append(layers)
            input = layers[0].output
        return tuple(placed)


@dataclass(frozen=True)
class Trunk:
    """Layers with shared weights, and the cells that they serve: ``stops`` holds (depth, number of the cell that ends there).

    Cells of one width that choose from the same operations may share a trunk: a shallower cell stops early. So may cells with
    inner widths that differ in the last one alone: it has `ends`, a last layer a cell, each counted as one layer deeper.
    """

    cell: Cell
    stops: tuple[tuple[int, int], ...]
    ends: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Block:
    """A stage of the network, one of whose cells is chosen. The first layer carries the stride, or the last.

    A candidate is named in three ways: as a `BlockChoice`, as the number of its cell and its path there, and by its position
    among all candidates of the block.
    """

    stride: int
    cells: tuple[Cell, ...]
    ends_with_stride: bool = False

    def __post_init__(self) -> None:
        names = [cell.name for cell in self.cells]
        if len(set(names)) != len(names):
            raise UsageError(f"two cells of a block have the same width and depth: {names}")

    def strides(self, part: Cell | BlockChoice) -> tuple[int, ...]:
        """By what every layer of a cell, or of a candidate of it, divides height and width."""
        ones = (1,) * (part.depth - 1)
        return part.strides or ((*ones, self.stride) if self.ends_with_stride else (self.stride, *ones))

    def place(self, cell: Cell, input: Shape, out_channels: int | None = None) -> PlacedCell:
        """Every layer that a cell of the block can put behind ``input``; see `Cell.place`."""
        return cell.place(input, self.strides(cell), out_channels)

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
            if cell.shape == choice.shape:
                pairs = list(zip(cell.layers, choice.operations, strict=True))
                if all(operation in operations for operations, operation in pairs):
                    return number, tuple(operations.index(operation) for operations, operation in pairs)
        shapes = [f"{cell.depth} layers of width {_joined(cell)}" for cell in self.cells]
        few = [*shapes[:_MOST_NAMED], *(["..."] if len(shapes) > _MOST_NAMED else [])]
        raise UsageError(f"{choice} is no candidate of this block", f"its cells are {', '.join(few)}")

    def choice(self, cell: int, path: CellPath) -> BlockChoice:
        """The candidate with a path through a cell: the reverse of `path_of`."""
        return self.cells[cell].choice(path)

    def parse(self, text: str) -> BlockChoice:
        """The candidate that a text such as ``24:k3e6,k5e3`` names.

        Raises:
            UsageError: it names none of this block.
        """
        sizes, _, codes = text.partition(":")
        unknown = next((code for code in codes.split(",") if code not in self._operations), None)
        if unknown is not None:
            raise UsageError(f"unknown operation {unknown!r} in {text!r}", suggest(unknown, tuple(self._operations)))
        entry, after, widths = sizes.rpartition("~")
        if not all(size.isdecimal() for size in (*widths.split("-"), *([entry] if after else []))):
            raise UsageError(f"cannot read block {text!r}", "a block looks like 24:k3e6,k5e3")
        *inner, width = map(int, widths.split("-"))
        operations = tuple(self._operations[code] for code in codes.split(","))
        return self.choice(*self.path_of(BlockChoice(width, operations, tuple(inner), int(entry or 0))))

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
        """The trunks of the block, in the order of their first cells: one a cell, or one for all that begin alike."""
        stops: dict[Cell, list[tuple[int, int]]] = {}
        ends: dict[tuple[object, ...], list[int]] = {}
        for number, cell in enumerate(self.cells):
            if share_depths and cell.inner:
                ends.setdefault((cell.entry, cell.inner, cell.layers), []).append(number)
                continue
            longer = (other for other in self.cells if cell.begins(other))
            trunk = max(longer, key=lambda other: other.depth) if share_depths else cell
            stops.setdefault(trunk, []).append((cell.depth, number))
        return (*(Trunk(cell, tuple(served)) for cell, served in stops.items()), *map(self._branching, ends.values()))

    def _branching(self, numbers: Sequence[int]) -> Trunk:
        cells = tuple(self.cells[number] for number in numbers)
        return Trunk(cells[0], tuple(enumerate(numbers, cells[0].depth)), cells)
