"""Every candidate of a block with shared weights, set between a teacher's features (DNA, arXiv 1911.13053).

A block receives what the teacher emits before it and must emit what the teacher emits after it. Two kinds of edges make the
channels fit. *Adaptors*: learned 1x1 convolutions, shared by all candidates (an adaptor of one's own would hide how good a
candidate is). *Teacher*: the first layer receives, and the last emits, the teacher's channels, as in DNA's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from dna_deploy.nets.layers import build_layer, conv_bn
from dna_deploy.nets.supernets import Edges
from dna_deploy.spaces.block import CellPath, PlacedCell
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap, feature_map


class SupernetTrunk(nn.Module):
    """``layers[depth][operation]``: a path runs one operation a layer, as far as it goes."""

    def __init__(self, cell: PlacedCell) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList(map(build_layer, layers)) for layers in cell)

    def forward(self, x: torch.Tensor, path: CellPath) -> list[torch.Tensor]:
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
        self, space: ChainSpace, index: int, teacher: Sequence[FeatureMap], *, edges: Edges, share_depths: bool
    ) -> None:
        super().__init__()
        after = teacher[index]
        inner = feature_map(space.index.inputs[index][-1])  # the widest of what the block can receive
        if index == 0:
            self.entry: nn.Module = nn.Sequential(*map(build_layer, space.stem_layers))
        elif edges == "adaptors":
            self.entry = conv_bn(teacher[index - 1].channels, inner.channels)
        else:
            self.entry, inner = nn.Identity(), FeatureMap(teacher[index - 1].channels, inner.height, inner.width)
        self.plan = space.index.trunks(index, share_depths=share_depths and edges == "adaptors")
        self.trunks = nn.ModuleList()
        self.exits = nn.ModuleDict()
        for trunk in self.plan:
            out_channels = trunk.cell.width if edges == "adaptors" else after.channels
            self.trunks.append(SupernetTrunk(space.index.place_trunk(index, trunk, inner, out_channels)))
            if str(trunk.cell.width) not in self.exits:
                adaptor = nn.Conv2d(trunk.cell.width, after.channels, 1) if edges == "adaptors" else nn.Identity()
                self.exits[str(trunk.cell.width)] = adaptor

    def trunk_of(self, cell: int) -> int:
        """The number of the trunk that serves a cell."""
        return next(number for number, trunk in enumerate(self.plan) if any(cell == stop for _, stop in trunk.stops))

    def forward(self, x: torch.Tensor, cell: int, path: CellPath) -> torch.Tensor:
        """One candidate's imitation of the teacher's features, from those before the block (or from images)."""
        number = self.trunk_of(cell)
        y: torch.Tensor = self.exits[str(self.plan[number].cell.width)](self.trunks[number](self.entry(x), path)[-1])
        return y

    def forward_paths(self, x: torch.Tensor, paths: Sequence[CellPath]) -> list[torch.Tensor]:
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
