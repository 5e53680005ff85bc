"""A whole space as one network with shared weights: the one-shot supernet of SPOS (arXiv 1904.00420).

It is the baseline that block-wise rating has to beat. A path is made of the very layers that a trained network has: there
are no adaptors, so a layer behind a block of several widths exists once a width, or, where widths share weights, is a part of
the widest one.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from torch import nn

from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.supernets import slices
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Trunk
from dna_deploy.spaces.chain import HeadedSpace


class Route(NamedTuple):
    """Where the layers of a cell stand in a supernet, and the width of each."""

    places: tuple[str, ...]
    widths: tuple[int, ...]


class OneShotSupernet(nn.Module):
    """Every layer that a network of the space can hold. Cells of one width share layers, as in the block supernets."""

    def __init__(self, space: HeadedSpace, *, share_depths: bool, share_widths: bool = False) -> None:
        super().__init__()
        self.space = space
        self.plans = [space.index.trunks(index, share_depths=share_depths) for index in space.block_numbers]
        self.stem = nn.Sequential(*map(build_layer, space.stem_layers))
        self.choices = nn.ModuleDict()
        self._alike: dict[tuple[int, int, str], list[nn.Module]] = {}  # by block, depth and operation
        for index, plan in enumerate(self.plans):
            for number, trunk in enumerate(plan):
                self._add(index, number, trunk)
        heads = {str(input.channels): map(build_layer, space.head_layers(input)) for input in space.index.inputs[-1]}
        self.heads = nn.ModuleDict({channels: nn.Sequential(*layers) for channels, layers in heads.items()})
        if share_widths:
            for alike in (*self._alike.values(), [*self.heads.values()]):
                slices.share_widths(alike)

    def path(self, architecture: Architecture) -> nn.Sequential:
        """One network of the space, its layers in a row: the supernet's own modules, not copies.

        It maps images ``(batch, *space.input)`` to class scores ``(batch, classes)``.

        Raises:
            UsageError: the architecture is not in the space.
        """
        layers, channels = [*self.stem], self.space.index.entry.channels
        for routes, (cell, path) in zip(self.routes, self.space.index.paths(architecture), strict=True):
            for place, operation, width in zip(routes[cell].places, path, routes[cell].widths, strict=True):
                layers.append(self.options(place, channels)[operation])
                channels = width
        return nn.Sequential(*layers, *self.heads[str(channels)])  # type: ignore[misc]

    @cached_property
    def routes(self) -> list[list[Route]]:
        """For every block the way through each of its cells."""
        return [[self._route(index, cell) for cell in range(len(block.cells))] for index, block in enumerate(self.space.blocks)]

    def options(self, place: str, channels: int) -> nn.ModuleList:
        """What may stand at a place of a route, behind so many channels."""
        return self.choices[f"{place}-from{channels}"]  # type: ignore[return-value]

    def _route(self, index: int, number: int) -> Route:
        cell, plans = self.space.blocks[index].cells[number], enumerate(self.plans[index])
        trunk, stop = next((trunk, stop) for trunk, plan in plans for stop, served in plan.stops if served == number)
        depths = (*range(cell.depth - 1), stop - 1)
        return Route(tuple(_place(index, trunk, depth) for depth in depths), cell.choice((0,) * cell.depth).widths)

    def _add(self, index: int, number: int, trunk: Trunk) -> None:
        chain = self.space.index
        inputs = (input for input in chain.inputs[index] if chain.may_follow(index, trunk.cell, input))
        placed = [(*chain.place_trunk(index, trunk, x), *chain.place_ends(index, trunk, x)[1:]) for x in inputs]
        ends = {stop - 1: self.space.blocks[index].cells[served].depth - 1 for stop, served in trunk.stops}
        for depth, behind in enumerate(zip(*placed, strict=True)):
            for layers in behind:
                key = f"{_place(index, number, depth)}-from{layers[0].input.channels}"
                if key not in self.choices:  # only the first layer of a block feels what is before it
                    self.choices[key] = nn.ModuleList(map(build_layer, layers))
                    for layer, module in zip(layers, self.choices[key], strict=True):  # type: ignore[call-overload]
                        self._alike.setdefault((index, ends.get(depth, depth), layer.operation.code), []).append(module)


def _place(block: int, trunk: int, depth: int) -> str:
    return f"block{block + 1}-trunk{trunk + 1}-layer{depth + 1}"
