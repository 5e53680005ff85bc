"""Fourteen operations a layer: more than one supernet can train at once, for spaces that evolve (`dna-deploy grow`).

Three blocks of three layers, of one width each, for 28x28 grey images; and the same for 32x32 colour images.
"""

from __future__ import annotations

from dataclasses import replace

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Operation, Pointwise
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.shapes import FeatureMap

_OPERATIONS: tuple[Operation, ...] = (
    *(MBConv(kernel, expansion) for kernel in (3, 5, 7) for expansion in (1, 3, 6)),
    Pointwise(),
    Conv(3),
    FusedMBConv(3, 2),
    UIB(3, 3, 3),
    UIB(5, 5, 2),
)

CATALOGUE = ChainSpace(
    name="catalogue",
    input=FeatureMap(1, 28, 28),
    stem=(FixedLayer(Conv(3), 16),),
    blocks=tuple(Block(2, (Cell.uniform(width, 3, _OPERATIONS),)) for width in (24, 40, 80)),
    usual_head=(FixedLayer(ClassifierHead(160), 10),),
)
CATALOGUE_IN_COLOUR = replace(CATALOGUE, name="catalogue-colour", input=FeatureMap(3, 32, 32))
