"""A chain: a fixed stem and blocks that hold choices. Counts, enumerates, places and samples exactly.

Its networks end in features. What a task puts behind them makes it a `HeadedSpace`.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, BlockChoice, Cell, FixedLayer
from dna_deploy.spaces.chain_index import ChainIndex
from dna_deploy.spaces.placed import PlacedLayer, describe_operation, in_a_row, place_chain
from dna_deploy.spaces.sections import Sections
from dna_deploy.spaces.shapes import FeatureMap, Shape
from dna_deploy.spaces.space import SearchSpace


@dataclass(frozen=True)
class ChainSpace:
    """Blocks in a row, of which each chooses for itself. What can be rated block by block, and searched exactly."""

    name: str
    input: FeatureMap
    stem: tuple[FixedLayer, ...]
    blocks: tuple[Block, ...]
    usual_head: tuple[FixedLayer, ...]
    """Behind the last block in the task that the space was made for. It shapes other heads, and belongs to no network."""
    is_tied: bool = field(default=False, kw_only=True)
    """Whether widths are chosen once for all blocks: the first of each, the second of each, and so on."""

    def __post_init__(self) -> None:
        if self.is_tied and len({len(block.widths) for block in self.blocks}) > 1:
            raise UsageError(f"blocks of {self.name!r} have {[len(block.widths) for block in self.blocks]} widths to tie")
        ChainIndex(self.blocks, self.input, self.is_tied).check_paths(self.name)

    @property
    def identity(self) -> str:
        """Names everything that what is made of the space depends on."""
        return self.digest

    @cached_property
    def digest(self) -> str:
        """Names the space in files: equal digests mean equal candidates in equal order at equal shapes, behind any head."""
        return "sha256:" + hashlib.sha256(self.text_with(self.usual_head).encode()).hexdigest()

    def text_with(self, head: tuple[FixedLayer, ...]) -> str:
        """The space and a head as one text, whatever machine writes it."""
        return json.dumps({**self.describe(), "head": _describe(head)}, sort_keys=True, separators=(",", ":"))

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """What a network receives: images."""
        return (self.input,)

    def describe(self) -> dict[str, object]:
        """The space as plain data."""

        def cell(candidates: Cell) -> list[object]:
            layers = [[describe_operation(op) for op in operations] for operations in candidates.layers]
            path = [candidates.entry, candidates.strides] if candidates.entry or candidates.strides else []
            return [candidates.width, layers, *([candidates.inner] if candidates.inner or path else []), *path]

        def stage(block: Block) -> list[object]:
            cells = [cell(choices) for choices in block.cells]
            return [block.stride, cells, *(["at the end"] if block.ends_with_stride else [])]

        return {
            "name": self.name,
            "input": str(self.input),
            "stem": _describe(self.stem),
            "blocks": [stage(block) for block in self.blocks],
            **({"tied": True} if self.is_tied else {}),
        }

    def with_resolution(self, resolution: int) -> ChainSpace:
        """The same choices for square images of another size; its name carries the size."""
        if resolution < 1:
            raise UsageError(f"a resolution of {resolution} does not exist")
        if resolution == self.input.height == self.input.width:
            return self
        name = f"{self.name.partition('@')[0]}@{resolution}"
        return replace(self, name=name, input=FeatureMap(self.input.channels, resolution, resolution))

    def head_for(self, outputs: int) -> tuple[FixedLayer, ...]:
        """The usual head with so many outputs.

        Raises:
            UsageError: there is none, or there are no outputs.
        """
        if not self.usual_head or outputs < 1:
            raise UsageError(f"{self.name!r} has no head with {outputs} outputs", "a task can bring its own")
        return (*self.usual_head[:-1], replace(self.usual_head[-1], out_channels=outputs))

    def with_head(self, head: tuple[FixedLayer, ...] | None = None) -> HeadedSpace:
        """The networks of the space with a head behind them; its usual one where none is given."""
        parts = (self.name, self.input, self.stem, self.blocks, self.usual_head)
        return HeadedSpace(*parts, self.usual_head if head is None else head, is_tied=self.is_tied)

    def size(self) -> int:
        """How many networks there are."""
        return self.index.ways[0][None]

    def architectures(self) -> Iterator[Architecture]:
        """Every network of the space. Only small spaces end in this lifetime."""

        def rows(number: int, width: int | None) -> Iterator[tuple[BlockChoice, ...]]:
            if number == len(self.blocks):
                yield ()
                return
            for cell in self.index.following(number, width):
                for choice in cell.candidates():
                    yield from ((choice, *rest) for rest in rows(number + 1, cell.width))

        return map(Architecture.of, rows(0, None))

    def sample(self, rng: random.Random) -> Architecture:
        """A network drawn uniformly from the space."""
        return Architecture.of(cell.choice(cell.draw(rng.randrange)) for cell in self._cells(rng))

    def sample_cells_evenly(self, rng: random.Random) -> Architecture:
        """A network drawn such that the cells that may follow are equally likely, however many candidates they have."""
        cells = list(self._cells(rng, is_even=True))
        return Architecture.of(cell.choice(cell.draw(rng.randrange)) for cell in cells)

    def _cells(self, rng: random.Random, first: int = 0, width: int | None = None, *, is_even: bool = False) -> Iterator[Cell]:
        for number in range(first, len(self.blocks)):
            cells = self.index.leading(number, width)
            weights = [cell.count() * self.index.ways[number + 1][cell.width] for cell in cells]
            cell = rng.choice(cells) if is_even else rng.choices(cells, weights)[0]
            yield cell
            width = cell.width

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        """The same network with one layer of every block drawn anew; its cell, where the layer has no choice.

        Where cells do not stand behind any width, all from some block on is drawn anew in one of four.
        """
        choices, index = list[BlockChoice](), self.index
        for block, (cell, path) in zip(self.blocks, self.index.paths(architecture), strict=True):
            layer = rng.randrange(len(path))
            own = block.cells[cell]
            options = len(own.layers[layer])
            digit = rng.randrange(options)
            if options > 1:
                choices.append(block.choice(cell, (*path[:layer], digit, *path[layer + 1 :])))
            else:
                alike = [
                    other
                    for other in block.cells
                    if other.entry == own.entry and (other.width == own.width or not index.is_coupled)
                ]
                fresh = rng.choice(alike)
                choices.append(fresh.choice(fresh.draw(rng.randrange)))
        if index.has_entries and rng.randrange(4) == 0:
            first = rng.randrange(len(self.blocks))
            cells = self._cells(rng, first, choices[first - 1].width if first else None)
            choices[first:] = [cell.choice(cell.draw(rng.randrange)) for cell in cells]
        return Architecture.of(choices)

    # Placing: which layers a choice means, with what they receive.

    @cached_property
    def stem_layers(self) -> tuple[PlacedLayer, ...]:
        return _place_fixed(self.stem, self.input)

    @cached_property
    def index(self) -> ChainIndex:
        """Where every candidate is, and what stands where."""
        return ChainIndex(self.blocks, self.stem_layers[-1].output if self.stem else self.input, self.is_tied)

    @property
    def block_numbers(self) -> range:
        """The blocks, as `index` calls them."""
        return range(len(self.blocks))

    def head_layers(self, input: Shape) -> tuple[PlacedLayer, ...]:
        """What stands behind features of a shape: nothing, unless a task put it there."""
        return ()

    def sections(self, architecture: Architecture) -> Sections:
        """Every layer of a network, block by block.

        Raises:
            UsageError: the architecture is not in this space.
        """
        blocks = list[tuple[PlacedLayer, ...]]()
        input = self.index.entry
        for block, choice in enumerate(self.index.choices(architecture)):
            blocks.append(self.index.place(block, choice, input))
            input = blocks[-1][-1].output
        return Sections(self.stem_layers, tuple(blocks), self.head_layers(input))

    def place(self, architecture: Architecture) -> tuple[PlacedLayer, ...]:
        """Every layer of a network in order.

        Raises:
            UsageError: the architecture is not in this space.
        """
        return self.sections(architecture).layers

    def wires(self, architecture: Architecture) -> tuple[tuple[int, ...], ...]:
        """Every layer receives from the one before it."""
        return in_a_row(self.place(architecture))

    def outputs(self, architecture: Architecture) -> tuple[Shape, ...]:
        """What every block of a network emits."""
        return tuple(layers[-1].output for layers in self.sections(architecture).blocks)

    def rows(self) -> tuple[PlacedLayer, ...]:
        """Every distinct layer that any network of the space can hold: the rows of a latency table."""
        rows: dict[PlacedLayer, None] = dict.fromkeys(self.stem_layers)
        for inputs in self.index.cells:
            for cells in zip(*inputs, strict=True):
                rows.update((layer, None) for cell in cells for layers in cell for layer in layers)
        for input in self.index.inputs[-1]:
            rows.update(dict.fromkeys(self.head_layers(input)))
        return tuple(rows)

    def check(self, architecture: Architecture) -> None:
        """Raises `UsageError` if the architecture is not in this space."""
        self.index.choices(architecture)

    def parse(self, line: str) -> Architecture:
        """The architecture that a line such as ``24:k3e6,k5e3/40:k3e6/...`` names."""
        return Architecture.of(self.index.choices(Architecture(line.strip())))


@dataclass(frozen=True)
class HeadedSpace(ChainSpace):
    """A chain whose networks end in the head of a task. It has the digest of the chain: what may be chosen is the same."""

    head: tuple[FixedLayer, ...]

    @cached_property
    def identity(self) -> str:
        """Names the networks with their head, for what is trained with it."""
        return "sha256:" + hashlib.sha256(self.text_with(self.head).encode()).hexdigest()

    @property
    def out_channels(self) -> int:
        """How many numbers a network gives for an image, such as a score a class."""
        return self.head[-1].out_channels

    def head_layers(self, input: Shape) -> tuple[PlacedLayer, ...]:
        """The head behind features of a shape."""
        return _place_fixed(self.head, input)


def _describe(layers: tuple[FixedLayer, ...]) -> list[list[object]]:
    return [[describe_operation(layer.operation), layer.out_channels, layer.stride] for layer in layers]


def _place_fixed(layers: tuple[FixedLayer, ...], input: Shape) -> tuple[PlacedLayer, ...]:
    return place_chain(((layer.operation, layer.out_channels, layer.stride) for layer in layers), input)


def as_chain(space: SearchSpace) -> ChainSpace:
    """The space, where it is a chain.

    Raises:
        UsageError: it is none, so that no block of it can be rated alone and no search of it is exact.
    """
    if not isinstance(space, ChainSpace):
        raise UsageError(
            f"the space {space.name!r} is no chain of blocks: it has no ratings of blocks and no exact search",
            "rate whole networks of it with: dna-deploy search with",
        )
    return space


def with_usual_head(space: SearchSpace) -> SearchSpace:
    """The networks of a space: of a chain without a head, with its usual one; of others as they are."""
    return space.with_head() if isinstance(space, ChainSpace) and not isinstance(space, HeadedSpace) else space


def identity_of(space: SearchSpace) -> str:
    """Names everything of a space that what is made of its networks depends on: of a chain, their head as well."""
    return space.identity if isinstance(space, ChainSpace) else space.digest


def as_headed(space: SearchSpace) -> HeadedSpace:
    """The networks of a chain; see `with_usual_head` and `as_chain`."""
    networks = with_usual_head(as_chain(space))
    assert isinstance(networks, HeadedSpace)
    return networks
