"""Every candidate of a block with shared weights, set between a teacher's features (DNA, arXiv 1911.13053).

A block receives what the teacher emits before it and must emit what the teacher emits after it. Two kinds of edges make the
channels fit. *Adaptors*: learned 1x1 convolutions, shared by all candidates (an adaptor of one's own would hide how good a
candidate is). *Teacher*: the first layer receives, and the last emits, the teacher's channels, as in DNA's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer, conv_bn
from dna_deploy.nets.supernets import Edges
from dna_deploy.spaces.architecture import BlockChoice
from dna_deploy.spaces.operations import FeatureMap
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import Block, Cell, SearchSpace

Path = tuple[int, ...]
"""The number of the chosen operation in every layer of a cell."""


@dataclass(frozen=True)
class Trunk:
    """Layers of a supernet, and the cells that they serve: ``stops`` holds (depth, number of the cell that ends there).

    Cells of one width that choose from the same operations may share a trunk: a shallower cell stops early.
    """

    cell: Cell
    stops: tuple[tuple[int, int], ...]


def trunks_of(block: Block, *, share_depths: bool) -> tuple[Trunk, ...]:
    """The trunks of a block, in the order of their first cells: one a cell, or one a width."""
    stops: dict[Cell, list[tuple[int, int]]] = {}
    for number, cell in enumerate(block.cells):
        longer = (other for other in block.cells if other.width == cell.width and other.layers[: cell.depth] == cell.layers)
        trunk = max(longer, key=lambda other: other.depth) if share_depths else cell
        stops.setdefault(trunk, []).append((cell.depth, number))
    return tuple(Trunk(cell, tuple(found)) for cell, found in stops.items())


def path_of(block: Block, choice: BlockChoice) -> tuple[int, Path]:
    """Where a candidate is in a block's supernet: the number of its cell, and its path there."""
    cell = block.cell_of(choice)
    path = tuple(operations.index(operation) for operations, operation in zip(cell.layers, choice.operations, strict=True))
    return block.cells.index(cell), path


class SupernetTrunk(nn.Module):
    """``layers[depth][operation]``: a path runs one operation a layer, as far as it goes."""

    def __init__(self, cell: Cell, input: FeatureMap, stride: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for depth, operations in enumerate(cell.layers):
            channels = out_channels if depth == cell.depth - 1 else cell.width
            placed = [PlacedLayer(operation, input, channels, stride if depth == 0 else 1) for operation in operations]
            self.layers.append(nn.ModuleList(build_layer(layer) for layer in placed))
            input = placed[0].output

    def forward(self, x: torch.Tensor, path: Path) -> list[torch.Tensor]:
        """The features after every layer of a path."""
        outputs = []
        for operations, choice in zip(self.layers, path, strict=False):  # a path may stop early
            x = operations[choice](x)  # type: ignore[index]
            outputs.append(x)
        return outputs

    def walk(self, x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(depth, features) after every path of every length; those of one depth in the order of `Cell.candidates`.

        Paths form a tree; a prefix that several share is run once (DNA, section 3.4), and no more than one feature map a
        layer is alive at a time.
        """
        yield from _descend(tuple(self.layers), x, 0)  # type: ignore[arg-type]


def _descend(layers: Sequence[nn.ModuleList], x: torch.Tensor, depth: int) -> Iterator[tuple[int, torch.Tensor]]:
    if depth:
        yield depth, x
    if depth < len(layers):
        for operation in layers[depth]:
            yield from _descend(layers, operation(x), depth + 1)


class SupernetBlock(nn.Module):
    """All cells of block ``index`` between the teacher's features before and after it.

    Block 0 receives images and runs the stem of the space, since the teacher's stem is not the student's. With teacher
    edges a cell's last layer has channels of its own, so that depths cannot be shared.
    """

    def __init__(
        self, space: SearchSpace, index: int, teacher: Sequence[FeatureMap], *, edges: Edges, share_depths: bool
    ) -> None:
        super().__init__()
        block, after = space.blocks[index], teacher[index]
        inner = space.block_inputs(index)[-1]  # the widest of what the block can receive
        if index == 0:
            self.entry: nn.Module = nn.Sequential(*map(build_layer, space.stem_layers))
        elif edges == "adaptors":
            self.entry = conv_bn(teacher[index - 1].channels, inner.channels)
        else:
            self.entry, inner = nn.Identity(), FeatureMap(teacher[index - 1].channels, inner.height, inner.width)
        self.plan = trunks_of(block, share_depths=share_depths and edges == "adaptors")
        self.trunks = nn.ModuleList()
        self.exits = nn.ModuleDict()
        for trunk in self.plan:
            out_channels = trunk.cell.width if edges == "adaptors" else after.channels
            self.trunks.append(SupernetTrunk(trunk.cell, inner, block.stride, out_channels))
            if str(trunk.cell.width) not in self.exits:
                adaptor = nn.Conv2d(trunk.cell.width, after.channels, 1) if edges == "adaptors" else nn.Identity()
                self.exits[str(trunk.cell.width)] = adaptor

    def trunk_of(self, cell: int) -> int:
        """The number of the trunk that serves a cell."""
        return next(number for number, trunk in enumerate(self.plan) if any(cell == found for _, found in trunk.stops))

    def forward(self, x: torch.Tensor, cell: int, path: Path) -> torch.Tensor:
        """One candidate's imitation of the teacher's features, from those before the block (or from images)."""
        number = self.trunk_of(cell)
        y: torch.Tensor = self.exits[str(self.plan[number].cell.width)](self.trunks[number](self.entry(x), path)[-1])
        return y

    def forward_paths(self, x: torch.Tensor, paths: Sequence[Path]) -> list[torch.Tensor]:
        """One candidate of every cell, along one path a trunk; the entry and shared layers run once."""
        x = self.entry(x)
        outputs = []
        for plan, trunk, path in zip(self.plan, self.trunks, paths, strict=True):
            features = trunk(x, path)
            outputs += [self.exits[str(plan.cell.width)](features[depth - 1]) for depth, _ in plan.stops]
        return outputs

    def walk(self, x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(number of the cell, imitation) for every candidate; those of one cell in the order of `Cell.candidates`."""
        x = self.entry(x)
        for plan, trunk in zip(self.plan, self.trunks, strict=True):
            stops, leave = dict(plan.stops), self.exits[str(plan.cell.width)]
            for depth, features in trunk.walk(x):  # type: ignore[operator]
                if depth in stops:
                    yield stops[depth], leave(features)
