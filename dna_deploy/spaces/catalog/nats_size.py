"""The size space of NATS-Bench (Dong et al., arXiv 2009.00437): five widths of 8 to 64, 32,768 networks for CIFAR-10.

All were trained by its authors, so that a rating can be judged on every network. Blocks as in BossNAS (arXiv 2103.12424):
the first two widths, the next two, the last.
"""

from __future__ import annotations

from itertools import product

from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Conv
from dna_deploy.spaces.operations.preactivated import DenseCell, NormHead, PreactivatedBlock
from dna_deploy.spaces.shapes import FeatureMap

WIDTHS = tuple(range(8, 65, 8))
_STEM, _CELL, _REDUCE = (Conv(3, "none"),), (DenseCell(),), (PreactivatedBlock(),)
_PAIRS = tuple(product(WIDTHS, WIDTHS))

NATS_SIZE = ChainSpace(
    name="nats-size",
    input=FeatureMap(3, 32, 32),
    stem=(),
    blocks=(
        Block(2, tuple(Cell(after, (_STEM, _CELL, _REDUCE), (first, first)) for first, after in _PAIRS), ends_with_stride=True),
        Block(2, tuple(Cell(after, (_CELL, _REDUCE), (first,)) for first, after in _PAIRS), ends_with_stride=True),
        Block(1, tuple(Cell(width, (_CELL,)) for width in WIDTHS)),
    ),
    usual_head=(FixedLayer(NormHead(), 10),),
)


def of_widths(first: int, second: int, third: int, fourth: int, fifth: int) -> Architecture:
    """The network that the benchmark calls by its five widths."""
    return Architecture(f"{first}-{first}-{second}:conv3,cell,res/{third}-{fourth}:cell,res/{fifth}:cell")
