"""A small space of Ghost layers for 28x28 grey images: 216 networks."""

from dna_deploy.api import Block, Cell, ChainSpace, FeatureMap, FixedLayer
from dna_deploy.spaces.operations import ClassifierHead, MBConv
from dna_deploy_ghost.operation import Ghost

_OPERATIONS = (Ghost(3), MBConv(3, 2))

GHOST = ChainSpace(
    name="ghost",
    input=FeatureMap(1, 28, 28),
    stem=(FixedLayer(Ghost(3), 4, stride=2),),
    blocks=tuple(Block(2, tuple(Cell.uniform(width, depth, _OPERATIONS) for depth in (1, 2))) for width in (8, 12, 16)),
    usual_head=(FixedLayer(ClassifierHead(24), 10),),
)
