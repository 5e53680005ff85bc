"""Every candidate of a block with shared weights, set between a teacher's features (DNA, arXiv 1911.13053).

A block receives what the teacher emits before it and must emit what the teacher emits after it. Two kinds of edges make the
channels fit. *Adaptors*: learned 1x1 convolutions, shared by all candidates (an adaptor of one's own would hide how good a
candidate is). *Teacher*: the first layer receives, and the last emits, the teacher's channels, as in DNA's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer, conv_bn
from dna_deploy.spaces.architecture import BlockChoice
from dna_deploy.spaces.operations import FeatureMap
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import Block, Cell, SearchSpace

Edges = Literal["adaptors", "teacher"]
Path = tuple[int, ...]
"""The number of the chosen operation in every layer of a cell."""


def path_of(block: Block, choice: BlockChoice) -> tuple[int, Path]:
    """Where a candidate is in a block's supernet: the number of its cell, and its path there."""
    cell = block.cell_of(choice)
    path = tuple(operations.index(operation) for operations, operation in zip(cell.layers, choice.operations, strict=True))
    return block.cells.index(cell), path


class SupernetCell(nn.Module):
    """One cell of a block: ``layers[depth][operation]``; a path runs one operation a layer."""

    def __init__(self, cell: Cell, input: FeatureMap, stride: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for depth, operations in enumerate(cell.layers):
            channels = out_channels if depth == cell.depth - 1 else cell.width
            placed = [PlacedLayer(operation, input, channels, stride if depth == 0 else 1) for operation in operations]
            self.layers.append(nn.ModuleList(build_layer(layer) for layer in placed))
            input = placed[0].output

    def forward(self, x: torch.Tensor, path: Path) -> torch.Tensor:
        for operations, choice in zip(self.layers, path, strict=True):
            x = operations[choice](x)  # type: ignore[index]
        return x

    def walk(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """The output of every path, in the order of `Cell.candidates`.

        Candidates form a tree; a prefix that several share is run once (DNA, section 3.4), and no more than one feature
        map a layer is alive at a time.
        """
        yield from _descend(tuple(self.layers), x)  # type: ignore[arg-type]


def _descend(layers: Sequence[nn.ModuleList], x: torch.Tensor) -> Iterator[torch.Tensor]:
    if not layers:
        yield x
        return
    for operation in layers[0]:
        yield from _descend(layers[1:], operation(x))


class SupernetBlock(nn.Module):
    """All cells of block ``index`` between the teacher's features before and after it.

    Block 0 receives images and runs the stem of the space, since the teacher's stem is not the student's.
    """

    def __init__(self, space: SearchSpace, index: int, teacher: Sequence[FeatureMap], edges: Edges) -> None:
        super().__init__()
        block, after = space.blocks[index], teacher[index]
        inner = space.block_inputs(index)[-1]  # the widest of what the block can receive
        if index == 0:
            self.entry: nn.Module = nn.Sequential(*map(build_layer, space.stem_layers))
        elif edges == "adaptors":
            self.entry = conv_bn(teacher[index - 1].channels, inner.channels)
        else:
            self.entry, inner = nn.Identity(), FeatureMap(teacher[index - 1].channels, inner.height, inner.width)
        self.cells = nn.ModuleList()
        self.exits = nn.ModuleDict()
        self.widths = [str(cell.width) for cell in block.cells]
        for cell in block.cells:
            out_channels = cell.width if edges == "adaptors" else after.channels
            self.cells.append(SupernetCell(cell, inner, block.stride, out_channels))
            if str(cell.width) not in self.exits:
                adaptor = nn.Conv2d(cell.width, after.channels, 1) if edges == "adaptors" else nn.Identity()
                self.exits[str(cell.width)] = adaptor

    def forward(self, x: torch.Tensor, cell: int, path: Path) -> torch.Tensor:
        """One candidate's imitation of the teacher's features, from those before the block (or from images)."""
        y: torch.Tensor = self.exits[self.widths[cell]](self.cells[cell](self.entry(x), path))
        return y

    def forward_paths(self, x: torch.Tensor, paths: Sequence[Path]) -> list[torch.Tensor]:
        """One candidate of every cell; the entry runs once."""
        x = self.entry(x)
        return [self.exits[width](cell(x, path)) for width, cell, path in zip(self.widths, self.cells, paths, strict=True)]

    def walk(self, x: torch.Tensor) -> Iterator[Iterator[torch.Tensor]]:
        """For every cell, the outputs of all its candidates in the order of `Cell.candidates`."""
        x = self.entry(x)
        for width, cell in zip(self.widths, self.cells, strict=True):
            yield map(self.exits[width], cell.walk(x))  # type: ignore[operator]
