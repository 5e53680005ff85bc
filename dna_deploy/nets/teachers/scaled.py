"""A network made of given layers, cut where a space cuts: how a scaled network of a space becomes a teacher.

At a higher resolution than the space's, images are enlarged first, and features are averaged down to the sizes that the
space's blocks imitate.
"""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.network import BlockNetwork
from dna_deploy.records.files import Part
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.sections import Sections
from dna_deploy.spaces.shapes import feature_map

Size = tuple[int, ...]


class ScaledConfig(Part):
    """The shape of a `ScaledNetwork`: every layer as a line of text, so that a file can hold it."""

    stem: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
    resolution: tuple[int, int]
    sizes: tuple[Size, ...]

    @classmethod
    def for_space(cls, space: ChainSpace, sections: Sections) -> Self:
        """A network of these sections whose features have the sizes of a space's blocks."""
        first = feature_map(sections.layers[0].input)
        return cls(
            stem=tuple(layer.key for layer in sections.stem),
            blocks=tuple(tuple(layer.key for layer in block) for block in sections.blocks),
            head=tuple(layer.key for layer in sections.head),
            resolution=(first.height, first.width),
            sizes=tuple(frame.extent for frame in space.index.frames),
        )


class ScaledNetwork(BlockNetwork):
    """Maps images ``(batch, channels, height, width)`` to class scores ``(batch, classes)``."""

    def __init__(self, config: ScaledConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _build(config.stem)
        self.blocks = nn.ModuleList(map(_build, config.blocks))
        self.head = _build(config.head)

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The output of every block: maps ``(batch, channels, *size)`` or tokens ``(batch, *size, channels)``."""
        if x.shape[2:] != self.config.resolution:
            x = F.interpolate(x, self.config.resolution, mode="bilinear", antialias=True)
        x = self.stem(x)
        outputs = []
        for block, size in zip(self.blocks, self.config.sizes, strict=True):
            x = block(x)
            outputs.append(x if x.ndim != 4 or x.shape[2:] == size else F.adaptive_avg_pool2d(x, (size[0], size[1])))
        return outputs


def _build(keys: tuple[str, ...]) -> nn.Sequential:
    return nn.Sequential(*(build_layer(PlacedLayer.parse(key)) for key in keys))
