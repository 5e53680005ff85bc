"""Where everything of a chain is: candidates and their positions, and the shapes and layers of every place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, BlockChoice, Cell, CellPath, PlacedCell, Trunk
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.placed import PlacedLayer, place_chain
from dna_deploy.spaces.shapes import Shape, feature_map


@dataclass(frozen=True)
class ChainIndex:
    """The blocks of a chain behind the shape that the first of them receives. Blocks are called by their number from 0."""

    blocks: tuple[Block, ...]
    entry: Shape
    is_tied: bool = False
    """Whether a network has the narrowest width of every block, or the second of every block, and so on."""

    # Candidates and their positions.

    @property
    def counts(self) -> tuple[int, ...]:
        """How many candidates every block has."""
        return tuple(block.count() for block in self.blocks)

    @cached_property
    def operations(self) -> frozenset[Operation]:
        """Everything that any layer can be."""
        cells = chain.from_iterable(block.cells for block in self.blocks)
        return frozenset(operation for cell in cells for operations in cell.layers for operation in operations)

    def layer_names(self, block: int) -> Iterator[str]:
        """`BlockChoice.layer_names` of all candidates of a block, each once."""
        for cell in self.blocks[block].cells:
            for number, operations in enumerate(cell.layers, 1):
                yield from (f"{cell.name} layer {number}: {operation.code}" for operation in operations)

    @property
    def strides(self) -> tuple[int, ...]:
        """By what every block divides height and width."""
        return tuple(block.stride for block in self.blocks)

    def candidates(self, block: int) -> Iterator[BlockChoice]:
        """The candidates of a block in the order of their positions."""
        return self.blocks[block].candidates()

    def choices(self, architecture: Architecture) -> tuple[BlockChoice, ...]:
        """The candidate of every block.

        Raises:
            UsageError: the architecture is no network of these blocks.
        """
        parts = architecture.parts
        if len(parts) != len(self.blocks):
            raise UsageError(f"architecture {architecture} has {len(parts)} blocks", f"its space has {len(self.blocks)}")
        choices = tuple(block.parse(part) for block, part in zip(self.blocks, parts, strict=True))
        for number, (before, choice) in enumerate(itertools.pairwise(choices), 1):
            if choice.shape not in (cell.shape for cell in self.following(number, before.width)):
                raise UsageError(
                    f"width {choice.width} follows {before.width} in {architecture}",
                    f"it stands behind {choice.entry} only" if choice.entry else "widths are tied in its space",
                )
        return choices

    def following(self, block: int, width: int | None) -> tuple[Cell, ...]:
        """The cells of a block that may stand behind one that emits a width; behind nothing, all."""
        cells, widths = self.blocks[block].cells, self.blocks[block].widths
        if width is None:
            return cells
        own = widths[self.blocks[block - 1].widths.index(width)] if self.is_tied else None
        return tuple(cell for cell in cells if own in (None, cell.width) and cell.entry in (0, width))

    def leading(self, block: int, width: int | None) -> tuple[Cell, ...]:
        """The same that lead to the end of some network."""
        return tuple(cell for cell in self.following(block, width) if self.ways[block + 1][cell.width])

    @property
    def has_entries(self) -> bool:
        """Whether some cells stand behind one width only."""
        return any(cell.entry for block in self.blocks for cell in block.cells)

    @property
    def is_coupled(self) -> bool:
        """Whether the width before a block tells which of its cells may stand there."""
        return self.is_tied or self.has_entries

    def check_paths(self, name: str) -> None:
        """Raises `UsageError` where a cell of the space ``name`` stands behind nothing, or none lead to the end."""
        for number, block in enumerate(self.blocks if self.has_entries else ()):
            widths = self.blocks[number - 1].widths if number else ()
            alone = next((cell for cell in block.cells if cell.entry and cell.entry not in widths), None)
            if alone:
                emitted = f"block {number} emits {', '.join(map(str, widths))}" if number else "no block is before it"
                raise UsageError(
                    f"cell {alone.name} of block {number + 1} of {name!r} stands behind width {alone.entry} only; {emitted}"
                )
        if self.has_entries and not self.ways[0][None]:
            raise UsageError(
                f"no network of {name!r} reaches its end: no row of cells stand behind each other",
                "let some cell of every block stand behind a width that the block before it emits",
            )

    @cached_property
    def ways(self) -> tuple[dict[int | None, int], ...]:
        """``[block][width]``: how many rows of candidates lead from a block behind a width to the end; the last are 1."""
        ways: list[dict[int | None, int]] = [dict.fromkeys(self.blocks[-1].widths, 1)]
        for number in reversed(range(len(self.blocks))):
            before = self.blocks[number - 1].widths if number else (None,)
            ways.append(
                {width: sum(cell.count() * ways[-1][cell.width] for cell in self.following(number, width)) for width in before}
            )
        return tuple(reversed(ways))

    def choice(self, block: int, position: int) -> BlockChoice:
        """The candidate at a position."""
        return self.blocks[block].choice(*self.blocks[block].path_at(position))

    def position(self, block: int, choice: BlockChoice | str) -> int:
        """The position of a candidate: the reverse of `choice`."""
        return self.blocks[block].position(*self.path_of(block, choice))

    def architecture(self, positions: Iterable[int]) -> Architecture:
        """The network with these candidates, one position a block."""
        return Architecture.of(self.choice(block, int(position)) for block, position in enumerate(positions))

    def positions(self, architecture: Architecture) -> tuple[int, ...]:
        """The position of every block's candidate: the reverse of `architecture`."""
        return tuple(self.position(block, choice) for block, choice in enumerate(self.choices(architecture)))

    def exits(self, block: int) -> tuple[int, ...]:
        """For every candidate of a block, which of the widths that the block can emit it has."""
        cells, widths = self.blocks[block].cells, self.blocks[block].widths
        return tuple(exit for cell in cells for exit in (widths.index(cell.width),) * cell.count())

    def may_follow(self, block: int, part: Cell | BlockChoice, input: Shape) -> bool:
        """Whether a cell, or a candidate of it, may stand behind a shape."""
        return any(cell.shape == part.shape for cell in self.following(block, input.channels if block else None))

    def slices(self, block: int) -> tuple[slice, ...]:
        """The positions of the candidates of every cell of a block."""
        return self.blocks[block].slices

    # Genes: a candidate as one digit for its cell and one for each layer of the block's deepest cell.

    def gene_sizes(self, block: int) -> tuple[int, ...]:
        """How many values every gene of a block has."""
        cells = self.blocks[block].cells
        deepest = max(cell.depth for cell in cells)
        widest = (max(len(cell.layers[layer]) for cell in cells if cell.depth > layer) for layer in range(deepest))
        return (len(cells), *widest)

    def position_of_genes(self, block: int, genes: Sequence[int]) -> int:
        """The position of the candidate that genes mean; what is too large for a layer starts again at its first operation."""
        cell, *digits = map(int, genes)
        layers = self.blocks[block].cells[cell].layers
        path = tuple(digit % len(operations) for digit, operations in zip(digits, layers, strict=False))
        return self.blocks[block].position(cell, path)

    def genes(self, block: int, position: int) -> tuple[int, ...]:
        """Genes that mean the candidate at a position; those of layers that it does not have are 0."""
        cell, path = self.blocks[block].path_at(position)
        return (cell, *path, *(0,) * (len(self.gene_sizes(block)) - 1 - len(path)))

    # Places: what every block can receive and the layers that it can put there.

    @cached_property
    def inputs(self) -> tuple[tuple[Shape, ...], ...]:
        """Every shape that a block can receive, by ascending width, a tuple a block; the last is what the head receives."""
        inputs: list[tuple[Shape, ...]] = [(self.entry,)]
        for number in range(len(self.blocks)):
            emitted = {placed[-1][0].output for input in inputs[-1] for placed in self._behind(number, input) if placed}
            inputs.append(tuple(sorted(emitted, key=lambda shape: (shape.channels, shape.sizes))))
        return tuple(inputs)

    @property
    def outputs(self) -> tuple[tuple[Shape, ...], ...]:
        """Every shape that a block can emit, by ascending width, a tuple a block."""
        return self.inputs[1:]

    @cached_property
    def frames(self) -> tuple[Shape, ...]:
        """What candidates of a block are compared as: the widest that it emits; where sizes differ, what its stride leaves."""
        frames = [self.entry]
        for block, shapes in zip(self.blocks, self.outputs, strict=True):
            is_one_size = len({shape.extent for shape in shapes}) == 1
            frames.append(shapes[-1] if is_one_size else feature_map(frames[-1]).to(shapes[-1].channels, block.stride))
        return tuple(frames[1:])

    @cached_property
    def cells(self) -> tuple[tuple[tuple[PlacedCell, ...], ...], ...]:
        """``[block][input][cell]``: every layer that may stand anywhere; nothing where a cell may not follow."""
        places = enumerate(self.inputs[:-1])
        return tuple(tuple(self._behind(number, input) for input in inputs) for number, inputs in places)

    def anywhere(self, block: int) -> tuple[tuple[Shape, PlacedCell], ...]:
        """Every cell of a block behind the widest input that it can follow, and that input."""
        pairs = [(input, cells) for input, cells in zip(self.inputs[block], self.cells[block], strict=True)]
        numbers = range(len(self.blocks[block].cells))
        return tuple(next((input, cells[number]) for input, cells in reversed(pairs) if cells[number]) for number in numbers)

    def _behind(self, number: int, input: Shape) -> tuple[PlacedCell, ...]:
        block, width = self.blocks[number], input.channels if number else None
        following = self.following(number, width)
        return tuple(block.place(cell, input) if cell in following else () for cell in block.cells)

    def place(self, block: int, choice: BlockChoice, input: Shape) -> tuple[PlacedLayer, ...]:
        """The layers that a candidate puts behind ``input``."""
        return place_chain(zip(choice.operations, choice.widths, self.blocks[block].strides(choice), strict=True), input)

    def trunks(self, block: int, *, share_depths: bool) -> tuple[Trunk, ...]:
        """The trunks of a block; see `Block.trunks`."""
        return self.blocks[block].trunks(share_depths=share_depths)

    def path_of(self, block: int, choice: BlockChoice | str) -> tuple[int, CellPath]:
        """The number of a candidate's cell, and its path there; the candidate may be a part of an architecture."""
        holder = self.blocks[block]
        return holder.path_of(holder.parse(choice) if isinstance(choice, str) else choice)

    def paths(self, architecture: Architecture) -> tuple[tuple[int, CellPath], ...]:
        """`path_of` every block's candidate."""
        return tuple(self.path_of(block, choice) for block, choice in enumerate(self.choices(architecture)))

    def place_trunk(self, block: int, trunk: Trunk, input: Shape, out_channels: int | None = None) -> PlacedCell:
        """Every layer that a trunk of a block puts behind ``input``, up to the last of its first cell."""
        return self.blocks[block].place(trunk.cell, input, out_channels)

    def place_ends(self, block: int, trunk: Trunk, input: Shape) -> tuple[tuple[PlacedLayer, ...], ...]:
        """The last layer of every cell that ends a trunk of a block."""
        return tuple(self.blocks[block].place(cell, input)[-1] for cell in trunk.ends)
