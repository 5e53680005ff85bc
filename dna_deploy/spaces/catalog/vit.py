"""Small vision transformers (arXiv 2010.11929) with one width for all layers, and DeiT-tiny and -small (arXiv 2012.12877).

Every layer is two: attention, with heads of 64 or 32 channels, and a feed-forward network. ImageNet, 224x224.
"""

from __future__ import annotations

from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.operations.heads import TokenHead
from dna_deploy.spaces.operations.tokens import FeedForward, Patches, SelfAttention
from dna_deploy.spaces.shapes import FeatureMap

_PATCHES = ((Patches(16, class_tokens=1),),)


def _layers(width: int, depth: int) -> tuple[tuple[Operation, ...], ...]:
    pair = (SelfAttention(width // 64), SelfAttention(width // 32)), (FeedForward(2), FeedForward(3), FeedForward(4))
    return pair * depth


def _block(*first: tuple[Operation, ...]) -> Block:
    """Two to four layers at every width, behind what comes first."""
    return Block(
        1, tuple(Cell(width, (*first, *_layers(width, depth))) for width in (192, 256, 320, 384) for depth in (2, 3, 4))
    )


VIT = ChainSpace(
    name="vit",
    input=FeatureMap(3, 224, 224),
    stem=(),
    blocks=(_block(*_PATCHES), _block(), _block(), _block()),
    usual_head=(FixedLayer(TokenHead(), 1000),),
    is_tied=True,
)


def _deit(width: int, heads: int) -> str:
    layers = ",".join((f"a{heads},f4",) * 3)
    return "/".join((f"{width}:patches16.1,{layers}", *(f"{width}:{layers}",) * 3))


PUBLISHED = {"deit-tiny": _deit(192, 3), "deit-small": _deit(384, 6)}
"""Published networks as lines of this space. Parameters: 5.717 and 22.051 million."""
