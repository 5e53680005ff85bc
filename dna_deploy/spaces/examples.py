"""Two tiny spaces: of one network, for contracts, and of a few, for first steps."""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv
from dna_deploy.spaces.shapes import FeatureMap

_OPERATIONS = (MBConv(3, 3), MBConv(5, 3))

TINY = ChainSpace(
    "tiny",
    FeatureMap(1, 8, 8),
    stem=(),
    blocks=(Block(2, (Cell.uniform(4, 1, (Conv(3),)),)),),
    usual_head=(FixedLayer(ClassifierHead(4), 2),),
).with_head()

EXAMPLE = ChainSpace(
    name="example",
    input=FeatureMap(3, 32, 32),
    stem=(FixedLayer(Conv(3), 8, stride=2),),
    blocks=(
        Block(2, (Cell.uniform(16, 1, _OPERATIONS), Cell.uniform(24, 1, _OPERATIONS))),
        Block(2, (Cell.uniform(32, 1, _OPERATIONS), Cell.uniform(32, 2, _OPERATIONS))),
    ),
    usual_head=(FixedLayer(ClassifierHead(64), 10),),
).with_head()
