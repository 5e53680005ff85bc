"""The MBConv space of DNA (Li et al., CVPR 2020, arXiv 1911.13053), with its published networks. ImageNet, 224x224."""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv
from dna_deploy.spaces.shapes import FeatureMap

_OPERATIONS = tuple(MBConv(kernel, expansion, se_ratio=0.25) for expansion in (6, 3) for kernel in (3, 5, 7))


def _block(stride: int, *shapes: tuple[int, int]) -> Block:
    """A block from (depth, width) pairs."""
    return Block(stride, tuple(Cell.uniform(width, depth, _OPERATIONS) for depth, width in shapes))


MBCONV = ChainSpace(
    name="mbconv",
    input=FeatureMap(3, 224, 224),
    stem=(FixedLayer(Conv(3), 32, stride=2), FixedLayer(MBConv(3, 1, se_ratio=0.25), 16)),
    blocks=(
        _block(2, (2, 24), (3, 24), (2, 32)),
        _block(2, (2, 40), (3, 40), (4, 40)),
        _block(2, (2, 80), (3, 80), (4, 80)),
        _block(1, (3, 112), (4, 112), (4, 96)),
        _block(2, (4, 192), (5, 192), (5, 160)),
        _block(1, (1, 320)),
    ),
    usual_head=(FixedLayer(ClassifierHead(1280), 1000),),
)

PUBLISHED = {
    "dna-a": "24:k5e3,k3e3,k3e6/40:k3e3,k3e3,k5e3,k3e6/80:k7e6,k3e3,k5e3,k3e6"
    "/96:k5e6,k5e3,k5e3,k5e6/160:k5e6,k5e6,k5e3,k5e3,k5e3/320:k3e6",
    "dna-b": "24:k3e3,k5e3,k7e6/40:k7e6,k5e3,k7e6/80:k5e6,k5e3,k5e3,k3e6"
    "/96:k5e6,k5e3,k5e3,k5e6/192:k7e6,k5e3,k5e3,k5e3,k7e6/320:k3e6",
    "dna-c": "24:k5e6,k3e6/40:k5e6,k5e6,k3e6,k5e6/80:k5e6,k3e6,k5e6,k5e6"
    "/112:k3e6,k5e6,k5e6,k5e3/192:k5e6,k5e3,k5e6,k5e6/320:k3e6",
    "dna-d": "24:k7e6,k5e6,k7e6/40:k7e6,k7e6,k7e6,k7e6/80:k7e6,k5e6,k5e6,k7e6"
    "/112:k7e6,k5e6,k7e6,k5e6/192:k7e6,k5e6,k5e6,k5e6,k7e6/320:k3e6",
    "efficientnet-b0": "24:k3e6,k3e6/40:k5e6,k5e6/80:k3e6,k3e6,k3e6/112:k5e6,k5e6,k5e6/192:k5e6,k5e6,k5e6,k5e6/320:k3e6",
}
"""Published networks as lines of this space. Parameters: 4.243, 4.918, 5.274, 6.409 and 5.289 million."""
