"""Every candidate of a block with shared weights, set between a teacher's features (DNA, arXiv 1911.13053).

A block receives what the teacher emits before it and must emit what the teacher emits after it. Two kinds of edges make the
channels fit. *Adaptors*: learned 1x1 convolutions, shared by all candidates (an adaptor of one's own would hide how good a
candidate is). *Teacher*: the first layer receives, and the last emits, the teacher's channels, as in DNA's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.layers import build_layer, conv_bn
from dna_deploy.nets.supernets import Edges
from dna_deploy.nets.teachers.reading import Grid, resized
from dna_deploy.spaces.block import CellPath, PlacedCell, Trunk
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap, Shape


class SupernetTrunk(nn.Module):
    """``layers[depth][operation]``: a path runs one operation a layer, as far as it goes. ``ends[cell][operation]`` are last
    layers, of cells that part there.
    """

    def __init__(self, cell: PlacedCell, ends: PlacedCell = ()) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList(map(build_layer, layers)) for layers in (cell[:-1] if ends else cell))
        self.ends = nn.ModuleList(nn.ModuleList(map(build_layer, layers)) for layers in ends)

    def run(self, path: CellPath, stop: int) -> list[nn.Module]:
        """The layers of a path as far as one of the trunk's stops."""
        last = [self.ends[stop - len(self.layers) - 1]] if stop > len(self.layers) else []
        return [layer[choice] for layer, choice in zip([*self.layers[:stop], *last], path, strict=False)]

    def forward(self, x: torch.Tensor, path: CellPath) -> list[torch.Tensor]:
        """The features after every layer of a path, and after every end."""
        outputs = []
        for operations, choice in zip(self.layers, path, strict=False):  # a path may stop early
            x = operations[choice](x)  # type: ignore[index]
            outputs.append(x)
        return outputs + [end[path[-1]](x) for end in self.ends]  # type: ignore[index]

    def walk(self, x: torch.Tensor, depth: int = 0) -> Iterator[tuple[int, torch.Tensor]]:
        """(depth, features) after every path of every length; those of one depth in the order of `Cell.candidates`.

        Paths form a tree; a prefix that several share is run once (DNA, section 3.4), and no more than one feature map a
        layer is alive at a time. An end counts as one layer deeper than the one before it.
        """
        if depth:
            yield depth, x
        if depth < len(self.layers):
            for operation in self.layers[depth]:  # type: ignore[attr-defined]
                yield from self.walk(operation(x), depth + 1)
        else:
            for number, end in enumerate(self.ends, depth + 1):
                yield from ((number, operation(x)) for operation in end)  # type: ignore[attr-defined]


class SupernetBlock(nn.Module):
    """All cells of block ``index`` between the teacher's features before and after it.

    Block 0 receives images and runs the stem of the space, since the teacher's stem is not the student's. With teacher
    edges a cell's last layer has channels of its own, so that depths cannot be shared. Where widths are tied, each has an
    adaptor of its own to enter by; so has each that only some cells stand behind. Adaptors resize where places differ.
    """

    def __init__(self, space: ChainSpace, index: int, teacher: Sequence[Shape], *, edges: Edges, share_depths: bool) -> None:
        super().__init__()
        after = teacher[index]
        if edges == "teacher" and space.index.has_entries:
            raise UsageError(
                f"cells of {space.name!r} receive features of several sizes, a teacher's have one", "edges=adaptors"
            )
        self.plan = space.index.trunks(index, share_depths=share_depths and edges == "adaptors")
        inner = [space.index.anywhere(index)[trunk.stops[0][1]][0] for trunk in self.plan]  # the widest that each can receive
        if index == 0:
            self.entry: nn.Module = nn.Sequential(*map(build_layer, space.stem_layers))
        elif edges == "teacher":
            self.entry, inner = nn.Identity(), [replace(shape, channels=teacher[index - 1].channels) for shape in inner]
        elif space.index.is_coupled:
            widths = {_entered(trunk): shape for trunk, shape in zip(self.plan, inner, strict=True)}
            self.entry = nn.ModuleDict({width: _entry(teacher[index - 1], shape) for width, shape in widths.items()})
        else:
            self.entry = _entry(teacher[index - 1], inner[0])
        self.widths = [cell.width for cell in space.blocks[index].cells]
        self.trunks = nn.ModuleList()
        self.exits = nn.ModuleDict()
        for trunk, input in zip(self.plan, inner, strict=True):
            out_channels = trunk.cell.width if edges == "adaptors" else after.channels
            placed = space.index.place_trunk(index, trunk, input, out_channels)
            self.trunks.append(SupernetTrunk(placed, space.index.place_ends(index, trunk, input)))
            for width in dict.fromkeys(self.widths[cell] for _, cell in trunk.stops):
                if str(width) not in self.exits:
                    emitted = next(shape for shape in space.index.outputs[index] if shape.channels == width)
                    self.exits[str(width)] = _exit(emitted, after) if edges == "adaptors" else nn.Identity()

    def enter(self, x: torch.Tensor) -> Callable[[int], torch.Tensor]:
        """For the number of a trunk, what it receives of features before the block."""
        if isinstance(self.entry, nn.ModuleDict):
            entries = self.entry
            return lambda number: entries[_entered(self.plan[number])](x)
        entered: torch.Tensor = self.entry(x)
        return lambda number: entered

    def stop_of(self, cell: int) -> tuple[int, int]:
        """The number of the trunk that serves a cell, and how deep in it the cell ends."""
        stops = ((number, stop) for number, trunk in enumerate(self.plan) for stop in trunk.stops)
        return next((number, depth) for number, (depth, served) in stops if served == cell)

    def layers_of(self, cell: int, path: CellPath) -> list[nn.Module]:
        """The layers of a candidate, between entry and exit."""
        number, depth = self.stop_of(cell)
        layers: list[nn.Module] = self.trunks[number].run(path, depth)  # type: ignore[operator]
        return layers

    def forward(self, x: torch.Tensor, cell: int, path: CellPath) -> torch.Tensor:
        """One candidate's imitation of the teacher's features, from those before the block (or from images)."""
        x = self.enter(x)(self.stop_of(cell)[0])
        for layer in self.layers_of(cell, path):
            x = layer(x)
        y: torch.Tensor = self.exits[str(self.widths[cell])](x)
        return y

    def forward_paths(self, x: torch.Tensor, paths: Sequence[CellPath]) -> list[torch.Tensor]:
        """One candidate of every cell, along one path a trunk; the entry and shared layers run once."""
        entered, outputs = self.enter(x), []
        for number, (plan, trunk, path) in enumerate(zip(self.plan, self.trunks, paths, strict=True)):
            features = trunk(entered(number), path)
            outputs += [self.exits[str(self.widths[cell])](features[depth - 1]) for depth, cell in plan.stops]
        return outputs

    def walk(self, x: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        """(number of the cell, imitation) for every candidate; those of one cell in the order of `Cell.candidates`."""
        entered = self.enter(x)
        for number, (plan, trunk) in enumerate(zip(self.plan, self.trunks, strict=True)):
            stops = dict(plan.stops)
            for depth, features in trunk.walk(entered(number)):  # type: ignore[operator]
                if depth in stops:
                    yield stops[depth], self.exits[str(self.widths[stops[depth]])](features)


class Resized(nn.Module):
    """Maps ``(batch, channels, height, width)`` at other places."""

    def __init__(self, size: Grid) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return resized(x, self.size)


def _entered(trunk: Trunk) -> str:
    """The entry that a trunk has: that of the width behind which it stands, else that of its own."""
    return str(trunk.cell.entry or trunk.cell.width)


def _entry(before: Shape, input: Shape) -> nn.Module:
    """From what a teacher emits to what a layer receives: one map of channels, then normalised."""
    if isinstance(before, FeatureMap):
        return _placed(conv_bn(before.channels, input.channels), before, input)
    return nn.Sequential(nn.Linear(before.channels, input.channels), nn.LayerNorm(input.channels))


def _exit(emitted: Shape, after: Shape) -> nn.Module:
    """From what a candidate emits to what a teacher does."""
    if isinstance(after, FeatureMap):
        return _placed(nn.Conv2d(emitted.channels, after.channels, 1), emitted, after)
    return nn.Linear(emitted.channels, after.channels)


def _placed(adaptor: nn.Module, before: Shape, after: Shape) -> nn.Module:
    """An adaptor of channels, of places as well where these differ."""
    if before.extent == after.extent:
        return adaptor
    return nn.Sequential(Resized((after.extent[0], after.extent[1])), adaptor)
