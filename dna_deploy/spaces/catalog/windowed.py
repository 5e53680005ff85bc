"""Hierarchical transformers on feature maps: attention within windows at high resolution, and of the whole map at 14 and 7.

Stages and windows as in Swin (arXiv 2103.14030); widths double from stage to stage and are chosen once for all. Reducing
convolutions and depthwise ones in feed-forward layers tell attention where it is. ImageNet, 224x224.
"""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Conv, Operation
from dna_deploy.spaces.operations.heads import PooledHead
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.operations.window_attention import WindowAttention
from dna_deploy.spaces.shapes import FeatureMap

_REDUCE: tuple[Operation, ...] = (Conv(3, "none"),)
_FEED_FORWARD = (UIB(0, 0, 2, "gelu"), UIB(0, 0, 4, "gelu"), UIB(3, 0, 4, "gelu"))


def _block(stride: int, times: int, *windows: int) -> Block:
    """One or two layers of attention and feed-forward at each of three widths, so many times the first stage's."""
    cells = []
    for width in (32 * times, 64 * times, 96 * times):
        mixers: tuple[Operation, ...] = tuple(WindowAttention(width // 32, window) for window in windows)
        reduce = (_REDUCE,) if stride > 1 else ()
        cells += [Cell(width, (*reduce, *(mixers, _FEED_FORWARD) * depth)) for depth in (1, 2)]
    return Block(stride, tuple(cells))


WINDOWED = ChainSpace(
    name="windowed",
    input=FeatureMap(3, 224, 224),
    stem=(FixedLayer(Conv(3, "gelu"), 32, stride=2),),
    blocks=(_block(2, 1, 7), _block(2, 2, 7), _block(2, 4, 7, 0), _block(1, 4, 7, 0), _block(2, 8, 0)),
    usual_head=(FixedLayer(PooledHead(1280, "gelu"), 1000),),
    is_tied=True,
)
