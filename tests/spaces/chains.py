"""Chains for tests: three that are small enough to enumerate, and those of the catalogue with their usual heads."""

from __future__ import annotations

from dataclasses import replace

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.hytra import trellis
from dna_deploy.spaces.catalog.nats_size import NATS_SIZE
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.operations.heads import LinearHead
from dna_deploy.spaces.shapes import FeatureMap

FASHION = find_chain("fashion").with_head()
MBCONV = find_chain("mbconv").with_head()

_OPERATIONS = (MBConv(3, 1), MBConv(5, 2), Pointwise())

TOY_CHAIN = ChainSpace(
    name="toy",
    input=FeatureMap(1, 12, 12),
    stem=(FixedLayer(Conv(3), 8),),
    blocks=(
        Block(2, (Cell.uniform(8, 1, _OPERATIONS), Cell.uniform(8, 2, _OPERATIONS))),
        Block(2, (Cell.uniform(12, 1, _OPERATIONS), Cell.uniform(16, 3, _OPERATIONS))),
        Block(1, (Cell.uniform(16, 2, _OPERATIONS),)),
    ),
    usual_head=(FixedLayer(ClassifierHead(16), 3),),
)

TOY = TOY_CHAIN.with_head()

TOY_CATALOGUE = ChainSpace(
    name="toy-catalogue",
    input=FeatureMap(1, 12, 12),
    stem=(FixedLayer(Conv(3), 8),),
    blocks=(
        Block(2, (Cell.uniform(8, 2, (*_OPERATIONS, Conv(3), MBConv(3, 3))),)),
        Block(2, (Cell.uniform(12, 1, (*_OPERATIONS, Conv(3), MBConv(3, 3))),)),
    ),
    usual_head=(FixedLayer(ClassifierHead(16), 3),),
)

TINY = ChainSpace(
    name="tiny",
    input=FeatureMap(1, 9, 9),
    stem=(FixedLayer(Conv(3), 4),),
    blocks=(
        Block(2, (Cell.uniform(4, 1, (MBConv(3, 1), Pointwise())), Cell.uniform(6, 2, (MBConv(3, 1), Pointwise())))),
        Block(2, (Cell.uniform(8, 1, (MBConv(3, 1), Pointwise())),)),
    ),
    usual_head=(FixedLayer(ClassifierHead(8), 3),),
).with_head()

TRELLIS = ChainSpace(
    name="trellis",
    input=FeatureMap(1, 12, 12),
    stem=(FixedLayer(Conv(3, "relu"), 8),),
    blocks=trellis((8, 16, 32), blocks=2, layers=2, head_channels=2),
    usual_head=(FixedLayer(LinearHead(), 3),),
)

PHOTOS = ChainSpace(
    name="photos",
    input=FeatureMap(3, 64, 64),
    stem=(FixedLayer(Conv(3), 8, 2),),
    blocks=(Block(2, (Cell.uniform(8, 1, (MBConv(3, 1), MBConv(3, 3))),)),),
    usual_head=(FixedLayer(ClassifierHead(16), 3),),
).with_head()


def narrow_sizes(most: int) -> ChainSpace:
    """`nats-size` of small images, with widths of 8, 16, ... up to ``most`` alone."""

    def narrowed(block: Block) -> Block:
        return replace(block, cells=tuple(cell for cell in block.cells if max(*cell.inner, cell.width, 0) <= most))

    return replace(NATS_SIZE, name="narrow", input=FeatureMap(3, 16, 16), blocks=tuple(map(narrowed, NATS_SIZE.blocks)))
