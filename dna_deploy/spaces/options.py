"""What a space can lose: its options, one by one, and what is left then.

An *option* is a cell of a block, or an operation of a layer of a cell. Those of which a network has one are a *slot*.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, BlockChoice, Cell, CellPath, FixedLayer
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.operations.branches import Branches
from dna_deploy.spaces.operations.simple import Pool
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import Shape

SpaceT = TypeVar("SpaceT", bound=ChainSpace)
_LINE = re.compile(r"block (\d+): ([\d\-x]+)(?: layer (\d+): ([A-Za-z0-9._]+))?")


@dataclass(frozen=True)
class Option:
    """A cell of a block by its name, or the operation with a code in one of its layers, counted from 0."""

    block: int
    cell: str
    layer: int | None = None
    code: str = ""

    @property
    def slot(self) -> tuple[int, str, int]:
        """What it is one of several for: the block, or the layer of the cell."""
        return (self.block, "", -1) if self.layer is None else (self.block, self.cell, self.layer)

    def __str__(self) -> str:
        layer = "" if self.layer is None else f" layer {self.layer + 1}: {self.code}"
        return f"block {self.block + 1}: {self.cell}{layer}"

    @classmethod
    def parse(cls, line: str) -> Option:
        """The option that a line names.

        Raises:
            UsageError: it names none.
        """
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise UsageError(f"cannot read the option {line!r}", "one looks like: block 2: 40x2 layer 1: k3e1")
        block, cell, layer, code = parts.groups()
        return cls(int(block) - 1, cell, None if layer is None else int(layer) - 1, code or "")


def every_option(space: ChainSpace) -> Iterator[Option]:
    """All options, also those of which there is one."""
    for index, block in enumerate(space.blocks):
        for cell in block.cells:
            yield Option(index, cell.name)
            for layer, operations in enumerate(cell.layers):
                yield from (Option(index, cell.name, layer, operation.code) for operation in operations)


def slots(space: ChainSpace) -> dict[tuple[int, str, int], list[Option]]:
    """The options of every slot, blocks first to last."""
    sorted_out: dict[tuple[int, str, int], list[Option]] = {}
    for option in every_option(space):
        sorted_out.setdefault(option.slot, []).append(option)
    return sorted_out


def options(space: ChainSpace) -> Iterator[Option]:
    """Everything that could be dropped without emptying a slot, one at a time."""
    several = slots(space)
    return (option for option in every_option(space) if len(several[option.slot]) > 1)


def options_of(space: ChainSpace, network: Architecture) -> Iterator[Option]:
    """The options that a network holds."""
    for index, (number, path) in enumerate(space.index.paths(network)):
        yield from _held(index, space.blocks[index].cells[number], path)


def options_of_candidates(space: ChainSpace, index: int) -> Iterator[tuple[Option, ...]]:
    """The options that every candidate of a block holds, in the order of their positions."""
    block = space.blocks[index]
    for position in range(block.count()):
        number, path = block.path_at(position)
        yield tuple(_held(index, block.cells[number], path))


def _held(index: int, cell: Cell, path: CellPath) -> Iterator[Option]:
    yield Option(index, cell.name)
    for layer, (operations, digit) in enumerate(zip(cell.layers, path, strict=True)):
        yield Option(index, cell.name, layer, operations[digit].code)


def every_option_once(space: ChainSpace, index: int, rng: random.Random) -> list[BlockChoice]:
    """As few candidates of a block as hold each of its options, drawn without replacement, in random order."""
    drawn = []
    for cell in space.blocks[index].cells:
        most = max(map(len, cell.layers))
        layers = [_shuffled(operations, most, rng) for operations in cell.layers]
        drawn += [cell.of(operations) for operations in zip(*layers, strict=True)]
    rng.shuffle(drawn)
    return drawn


def most_visits(space: ChainSpace, rounds: int) -> list[int]:
    """How many candidates hold every option of any block at most, while in each round every slot of several loses one."""
    counts = [[max(map(len, cell.layers)) for cell in block.cells] for block in space.blocks]
    return [max(_visits(sizes, number) for sizes in counts) for number in range(rounds)]


def _visits(sizes: Sequence[int], lost: int) -> int:
    cells = sorted((max(1, size - lost) for size in sizes), reverse=True)
    return sum(cells[: max(1, len(cells) - lost)])


def _shuffled(operations: tuple[Operation, ...], count: int, rng: random.Random) -> list[Operation]:
    """All operations in random order, again and again until there are so many."""
    drawn: list[Operation] = []
    while len(drawn) < count:
        drawn += rng.sample(operations, len(operations))
    return drawn[:count]


def without(space: SpaceT, dropped: Iterable[Option]) -> SpaceT:
    """The space without some options."""
    blocks = list(space.blocks)
    for option in dropped:
        block = blocks[option.block]
        blocks[option.block] = replace(block, cells=tuple(_cells_without(block, option)))
    return replace(space, blocks=tuple(blocks))


SKIP = Pool(1)
"""What stands in the place of a layer that is left out."""


def alternatives(space: ChainSpace, slot: Sequence[Option], rng: random.Random) -> list[tuple[Option, Architecture, int]]:
    """For every option of a slot a network that holds it, and of how many layers its own is the last.

    Before the slot all of these networks are alike; where the slot is a block, what counts is the end of its cell.
    """
    index, alike, found = slot[0].block, space.sample_cells_evenly(rng), []
    block = space.blocks[index]
    before = [*space.sections(alike).stem, *(layer for layers in space.sections(alike).blocks[:index] for layer in layers)]
    for option in slot:
        cell = next(cell for cell in block.cells if cell.name == option.cell)
        path = list(cell.draw(random.Random(str(slot[0].slot) + str(alike)).randrange))
        if option.layer is not None:
            path[option.layer] = [operation.code for operation in cell.layers[option.layer]].index(option.code)
        parts = list(alike.parts)
        parts[index] = str(cell.choice(tuple(path)))
        found.append((option, Architecture.of(parts), len(before) + (cell.depth if option.layer is None else option.layer + 1)))
    return found


def beginning(space: SpaceT, network: Architecture, blocks: int, usual_head: tuple[FixedLayer, ...]) -> SpaceT:
    """The space whose only network is the first blocks of a network, with another usual head behind them."""
    chosen = []
    for block, (number, path) in list(zip(space.blocks, space.index.paths(network), strict=True))[:blocks]:
        cell = block.cells[number]
        layers = tuple((operations[digit],) for operations, digit in zip(cell.layers, path, strict=True))
        chosen.append(replace(block, cells=(replace(cell, layers=layers),)))
    return replace(space, blocks=tuple(chosen), usual_head=usual_head)


def branched(operations: Sequence[Operation]) -> Operation:
    """Several operations as one: none is a layer that is left out, one is itself."""
    if not operations:
        return SKIP
    return operations[0] if len(operations) == 1 else Branches.of(operations)


def layers_of(space: ChainSpace) -> list[tuple[PlacedLayer, ...]]:
    """Every layer of a chain of one cell a block, as all that it may be.

    Raises:
        UsageError: a block has several cells.
    """
    several = [number for number, block in enumerate(space.blocks, 1) if len(block.cells) > 1]
    if several:
        raise UsageError(
            f"block {several[0]} of {space.name!r} has several cells", "name a space of one a block, such as catalogue"
        )
    return [layer for number in space.block_numbers for layer in space.index.anywhere(number)[0][1]]


def with_branches(space: SpaceT, subsets: Sequence[Sequence[Sequence[str]]]) -> SpaceT:
    """A chain of one cell a block, every layer of which may be some sets of its operations, by their codes.

    Raises:
        UsageError: there are not as many layers, or a code is none of its layer.
    """
    rest, blocks = list(subsets), []
    if len(rest) != len(layers_of(space)):
        raise UsageError(f"{len(rest)} layers for the {len(layers_of(space))} of {space.name!r}")
    for block in space.blocks:
        (cell,) = block.cells
        layers = []
        for operations in cell.layers:
            by_code = {operation.code: operation for operation in operations}
            sets = rest.pop(0)
            if unknown := {code for codes in sets for code in codes} - by_code.keys():
                raise UsageError(
                    f"no layer of {space.name!r} there can be {min(unknown)}", suggest(min(unknown), tuple(by_code))
                )
            layers.append(tuple(branched([by_code[code] for code in codes]) for codes in sets))
        blocks.append(replace(block, cells=(replace(cell, layers=tuple(layers)),)))
    return replace(space, blocks=tuple(blocks))


def least_cost(space: HeadedSpace, cost: Callable[[PlacedLayer], float]) -> float:
    """What the layers of the cheapest network cost together: exact, by the cheapest way to every width."""
    least: dict[Shape, float] = {space.index.entry: sum(map(cost, space.stem_layers))}
    for block in space.blocks:
        reached: dict[Shape, float] = {}
        for input, before in least.items():
            for placed in (block.place(cell, input) for cell in block.cells):
                total, output = before + sum(min(map(cost, layers)) for layers in placed), placed[-1][0].output
                reached[output] = min(total, reached.get(output, math.inf))
        least = reached
    return min(before + sum(map(cost, space.head_layers(input))) for input, before in least.items())


def _cells_without(block: Block, option: Option) -> Iterator[Cell]:
    for cell in block.cells:
        if cell.name != option.cell:
            yield cell
        elif option.layer is not None:
            yield replace(cell, layers=tuple(_layers_without(cell, option)))


def _layers_without(cell: Cell, option: Option) -> Iterator[tuple[Operation, ...]]:
    for number, operations in enumerate(cell.layers):
        yield tuple(operation for operation in operations if number != option.layer or operation.code != option.code)
