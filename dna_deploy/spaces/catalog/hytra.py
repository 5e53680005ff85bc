"""BossNAS's hybrid trellis (Li et al., arXiv 2103.12424, section 4): where to convolve, where to attend, and when to reduce.

Every layer keeps the scale of the one before it or halves it; a scale has a width, so that what may follow is told by the width
that a block emits. Convolutions stand anywhere, attention at the two coarsest scales. Networks end at the coarsest.
"""

from __future__ import annotations

import itertools

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Conv, Operation
from dna_deploy.spaces.operations.heads import LinearHead
from dna_deploy.spaces.operations.hybrid import AttentionBottleneck, ConvBottleneck
from dna_deploy.spaces.operations.simple import Pool
from dna_deploy.spaces.shapes import FeatureMap

Scales = tuple[int, ...]


def _paths(entry: int, layers: int, coarsest: int) -> list[Scales]:
    """The scales of every layer behind one at ``entry``."""
    paths: list[Scales] = [(entry,)]
    for _ in range(layers):
        paths = [(*path, scale) for path in paths for scale in (path[-1], path[-1] + 1) if scale <= coarsest]
    return [path[1:] for path in paths]


def _cells(widths: Scales, layers: int, head_channels: int, entries: range, *, is_first: bool, is_last: bool) -> list[Cell]:
    convolution, coarsest = ConvBottleneck(), len(widths) - 1
    either: tuple[Operation, ...] = (AttentionBottleneck(head_channels=head_channels), convolution)
    cells = []
    for entry in entries:
        for path in _paths(entry, layers, coarsest):
            if is_last and path[-1] < coarsest:
                continue
            choices = tuple(either if scale >= coarsest - 1 else (convolution,) for scale in path)
            strides = tuple(2 if after > before else 1 for before, after in itertools.pairwise((entry, *path)))
            *inner, last = (widths[scale] for scale in path)
            cells.append(Cell(last, choices, tuple(inner), 0 if is_first else widths[entry], strides))
    return cells


def trellis(widths: Scales, blocks: int, layers: int, head_channels: int) -> tuple[Block, ...]:
    """Blocks of so many layers over scales of these widths. What a block is compared as is one scale below that before it."""
    every = []
    for number in range(blocks):
        reached = range(min(number * layers, len(widths) - 1) + 1)
        is_first, is_last = number == 0, number == blocks - 1
        cells = _cells(widths, layers, head_channels, reached, is_first=is_first, is_last=is_last)
        stride = 1 if is_first else 2 ** (len(widths) - blocks + 1) if is_last else 2
        every.append(Block(stride, tuple(cells)))
    return tuple(every)


HYTRA = ChainSpace(
    name="hytra",
    input=FeatureMap(3, 224, 224),
    stem=(FixedLayer(Conv(7, "relu"), 64, stride=2), FixedLayer(Pool(3, "max"), 64, stride=2)),
    blocks=trellis((256, 512, 1024, 2048), blocks=4, layers=4, head_channels=64),
    usual_head=(FixedLayer(LinearHead(), 1000),),
)

HYTRA_SMALL = ChainSpace(
    name="hytra-small",
    input=FeatureMap(3, 32, 32),
    stem=(FixedLayer(Conv(3, "relu"), 16),),
    blocks=trellis((32, 64, 128, 256), blocks=3, layers=3, head_channels=16),
    usual_head=(FixedLayer(LinearHead(), 10),),
)
"""For images of 32 pixels, such as CIFAR-10: scales of 32, 16, 8 and 4 places."""

PUBLISHED = {
    "bossnet-t0": "256-512-1024-1024:conv,conv,conv,conv/1024~1024-1024-1024-2048:conv,att,conv,att"
    "/2048~2048-2048-2048-2048:att,att,conv,att/2048~2048-2048-2048-2048:att,att,att,att",
}
"""Published networks as lines of this space. 3.4 thousand million multiply-accumulates; without squeeze-excite."""
