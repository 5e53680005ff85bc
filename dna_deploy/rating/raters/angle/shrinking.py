"""A chain with fewer choices: what scores worst is dropped, unless a slot or a budget would be left with nothing (ABS).

An *option* is an operation of a layer, or a cell of a block. After Hu et al., ECCV 2020, arXiv 2004.13431; that a budget stays
within reach is ours: the paper has no budget that a space could lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TypeVar

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import Shape

SpaceT = TypeVar("SpaceT", bound=ChainSpace)


@dataclass(frozen=True, order=True)
class Option:
    """A cell of a block by its name, or the operation with a code in one of its layers, counted from 0."""

    block: int
    cell: str
    layer: int | None = None
    code: str = ""


def options(space: ChainSpace) -> Iterator[Option]:
    """Everything that could be dropped without emptying a slot, one at a time."""
    for index, block in enumerate(space.blocks):
        for cell in block.cells:
            if len(block.cells) > 1:
                yield Option(index, cell.name)
            for layer, operations in enumerate(cell.layers):
                yield from (Option(index, cell.name, layer, operation.code) for operation in operations if len(operations) > 1)


def mean_scores(space: ChainSpace, scores: Mapping[Architecture, float]) -> dict[Option, float]:
    """For every option the mean score of the networks that hold it; none for options that no network holds."""
    held: dict[Option, list[float]] = {option: [] for option in options(space)}
    for network, score in scores.items():
        for index, (number, path) in enumerate(space.index.paths(network)):
            cell = space.blocks[index].cells[number]
            codes = [operations[digit].code for operations, digit in zip(cell.layers, path, strict=True)]
            here = [Option(index, cell.name), *(Option(index, cell.name, layer, code) for layer, code in enumerate(codes))]
            for option in here:
                if option in held:
                    held[option].append(score)
    return {option: fmean(values) for option, values in held.items() if values}


def shrunk(
    space: HeadedSpace, scores: Mapping[Option, float], count: int, cost: Callable[[PlacedLayer], float], budget: float
) -> tuple[HeadedSpace, tuple[Option, ...]]:
    """The space without the ``count`` options of the lowest scores that may go, and these; fewer where no more may.

    Args:
        space: what is made smaller. Its name stays, its digest does not.
        scores: of options; those without one stay.
        count: how many to drop.
        cost: of a layer, such as its measured seconds; infinite where it cannot run.
        budget: what the layers of a network may cost together; some network is always left that keeps it.

    Raises:
        UsageError: no network of the space keeps the budget to begin with, or its widths are tied.
    """
    if space.is_tied:
        raise UsageError(f"the widths of {space.name!r} are tied over its blocks", "it cannot lose one in a block alone")
    if (least := least_cost(space, cost)) > budget:
        raise UsageError(f"no network of {space.name!r} costs {budget:g} or less", f"the cheapest costs {least:g}")
    dropped: list[Option] = []
    for option in sorted(scores, key=lambda option: (scores[option], str(option))):
        if len(dropped) == count:
            break
        if option in set(options(space)) and least_cost(smaller := without(space, option), cost) <= budget:
            space, dropped = smaller, [*dropped, option]
    return space, tuple(dropped)


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


def without(space: SpaceT, option: Option) -> SpaceT:
    """The space without an option."""
    blocks = list(space.blocks)
    blocks[option.block] = replace(blocks[option.block], cells=tuple(_cells_without(blocks[option.block], option)))
    return replace(space, blocks=tuple(blocks))


def _cells_without(block: Block, option: Option) -> Iterator[Cell]:
    for cell in block.cells:
        if cell.name != option.cell:
            yield cell
        elif option.layer is not None:
            yield replace(cell, layers=tuple(_layers_without(cell, option)))


def _layers_without(cell: Cell, option: Option) -> Iterator[tuple[Operation, ...]]:
    for number, operations in enumerate(cell.layers):
        yield tuple(operation for operation in operations if number != option.layer or operation.code != option.code)
