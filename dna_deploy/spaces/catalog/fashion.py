"""A small space for 28x28 grey images, whose candidates differ in kind: 19.6 million networks, 810 candidates.

The second block may emit 40 or 32 channels, so that its width couples with the cost of the third.
"""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.shapes import FeatureMap

_OPERATIONS = (MBConv(3, 1), MBConv(3, 3), MBConv(5, 3), MBConv(5, 6), MBConv(7, 6), Pointwise())


def _block(*shapes: tuple[int, int]) -> Block:
    """A block of stride 2 from (depth, width) pairs."""
    return Block(2, tuple(Cell.uniform(width, depth, _OPERATIONS) for depth, width in shapes))


FASHION = ChainSpace(
    name="fashion",
    input=FeatureMap(1, 28, 28),
    stem=(FixedLayer(Conv(3), 16),),
    blocks=(
        _block((1, 24), (2, 24), (3, 24)),
        _block((1, 40), (2, 40), (2, 32), (3, 32)),
        _block((1, 80), (2, 80), (3, 80)),
    ),
    usual_head=(FixedLayer(ClassifierHead(160), 10),),
)
