"""Mobile networks of today on ImageNet, 224x224: MobileNetV4 (arXiv 2404.10518) and what is like MobileNetV3 (1905.02244).

Inverted bottlenecks with depthwise convolutions before and inside, dense ones at high resolution, shared-key attention below 16
pixels. Stages of 14 and 7 pixels are several blocks, so that every block has few enough candidates to rate and search exactly.
"""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Conv, Operation
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import PooledHead
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.shapes import FeatureMap

Operations = tuple[Operation, ...]


def _v3(kernel_size: int, *expansions: int) -> Operations:
    """Inverted bottlenecks as in MobileNetV3, with and without squeeze-excite."""
    return tuple(UIB(0, kernel_size, expansion, "hardswish", se) for expansion in expansions for se in (0.0, 0.25))


def _cell(width: int, depth: int, first: Operations, others: Operations = ()) -> Cell:
    """A cell whose first layer, which has the stride, chooses from operations of its own."""
    return Cell(width, (first, *(others or first,) * (depth - 1)))


_ATTENTION = MobileAttention(4, 32, reduction=2)
_REDUCING = (UIB(5, 5, 3), UIB(3, 3, 6), UIB(3, 5, 6), UIB(5, 5, 6))
_SMALL = (UIB(0, 3, 2), UIB(0, 3, 4), UIB(3, 0, 4), UIB(5, 5, 4), UIB(0, 5, 3), UIB(0, 5, 4))
_MEDIUM = (UIB(3, 3, 4), UIB(3, 5, 4), UIB(5, 5, 4), UIB(3, 0, 4), UIB(0, 0, 2), _ATTENTION)
_LAST = (UIB(5, 5, 4), UIB(3, 5, 4), UIB(3, 5, 2), UIB(3, 0, 4), UIB(5, 0, 2), UIB(0, 0, 4), _ATTENTION)

MOBILE = ChainSpace(
    name="mobile",
    input=FeatureMap(3, 224, 224),
    stem=(FixedLayer(Conv(3, "relu"), 32, stride=2),),
    blocks=(
        Block(2, (
            _cell(24, 2, (UIB(0, 3, 3), UIB(0, 3, 4))),
            _cell(32, 1, (FusedMBConv(3, 1, last="relu"), FusedMBConv(3, 2), UIB(0, 3, 3))),
            _cell(48, 1, (FusedMBConv(3, 2), FusedMBConv(3, 4), UIB(0, 3, 4))),
        )),
        Block(2, (
            _cell(40, 3, _v3(5, 3)),
            _cell(64, 1, (FusedMBConv(3, 3, last="relu"), FusedMBConv(3, 4), UIB(3, 5, 4))),
            _cell(80, 2, (UIB(3, 5, 4), UIB(3, 3, 2), FusedMBConv(3, 4))),
        )),
        Block(2, (
            _cell(80, 4, _v3(3, 3, 6)),
            _cell(96, 3, _REDUCING, _SMALL), _cell(96, 4, _REDUCING, _SMALL),
            _cell(160, 4, _REDUCING, _MEDIUM),
        )),
        Block(1, (
            _cell(96, 2, (*_SMALL, _ATTENTION)),
            _cell(112, 2, _v3(3, 3, 6), (*_v3(3, 3, 6), _ATTENTION)),
            _cell(160, 4, _MEDIUM),
        )),
        Block(2, (
            _cell(128, 3, _REDUCING, _SMALL), _cell(128, 4, _REDUCING, _SMALL),
            _cell(160, 3, _v3(5, 3, 6)),
            _cell(256, 4, _REDUCING, _LAST),
        )),
        Block(1, (
            _cell(128, 1, (*_SMALL, _ATTENTION)), _cell(128, 2, (*_SMALL, _ATTENTION)),
            _cell(160, 1, (*_v3(5, 3, 6), _ATTENTION)),
            _cell(256, 4, _LAST),
        )),
        Block(1, (
            _cell(128, 1, (*_SMALL, _ATTENTION)),
            _cell(160, 1, (*_v3(5, 3, 6), _ATTENTION)),
            _cell(256, 2, _LAST), _cell(256, 3, _LAST),
        )),
    ),
    usual_head=(FixedLayer(Conv(1, "relu"), 960), FixedLayer(PooledHead(1280), 1000)),
)  # fmt: skip

PUBLISHED = {
    "mobilenetv4-conv-small": "32:d3e1.to.relu/64:d3e3.to.relu/96:u55e3,u03e2,u03e2,u03e2/96:u03e2,u30e4"
    "/128:u33e6,u55e4,u05e4/128:u05e3,u03e4/128:u03e4",
    "mobilenetv4-conv-medium": "48:d3e4/80:u35e4,u33e2/160:u35e6,u33e4,u33e4,u35e4/160:u33e4,u30e4,u00e2,u30e4"
    "/256:u55e6,u55e4,u35e4,u35e4/256:u00e4,u30e4,u35e2,u55e4/256:u00e4,u00e4,u50e2",
}
"""Published networks as lines of this space. Parameters: 3.774 and 9.715 million."""
