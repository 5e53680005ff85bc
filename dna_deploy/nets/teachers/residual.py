"""A small residual network, cut where a space cuts: the teacher that is trained here when there is no pretrained one.

Basic blocks of He et al., arXiv 1512.03385, with average pooling in the shortcut where there is a stride (arXiv 1812.01187).
"""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

from dna_deploy.nets.layers import conv_bn
from dna_deploy.nets.network import BlockNetwork
from dna_deploy.records.files import Part
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.shapes import feature_map


class ResidualConfig(Part):
    """The shape of a `ResidualNetwork`."""

    in_channels: int
    stem_width: int
    stem_stride: int
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    depth: int
    classes: int

    @classmethod
    def for_space(cls, space: HeadedSpace, width_factor: float, depth: int) -> Self:
        """A network with the space's block boundaries, about ``width_factor`` times as wide as its widest candidates.

        Widths are multiples of 16, which processors like.
        """
        entry = feature_map(space.index.entry)
        widths = tuple(max(16, 16 * round(frame.channels * width_factor / 16)) for frame in space.index.frames)
        return cls(
            in_channels=space.input.channels,
            stem_width=entry.channels if space.stem else widths[0],
            stem_stride=-(-space.input.height // entry.height),
            widths=widths,
            strides=space.index.strides,
            depth=depth,
            classes=space.out_channels,
        )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(in_channels, out_channels, 3, stride, act="relu"), conv_bn(out_channels, out_channels, 3)
        )
        shortcut: list[nn.Module] = [nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)] if stride > 1 else []
        if in_channels != out_channels:
            shortcut.append(conv_bn(in_channels, out_channels))
        self.shortcut = nn.Sequential(*shortcut)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.act(self.body(x) + self.shortcut(x))
        return y


class ResidualNetwork(BlockNetwork):
    """Maps images ``(batch, channels, height, width)`` to class scores ``(batch, classes)``."""

    def __init__(self, config: ResidualConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = conv_bn(config.in_channels, config.stem_width, 3, config.stem_stride, act="relu")
        blocks, channels = [], config.stem_width
        for width, stride in zip(config.widths, config.strides, strict=True):
            first = BasicBlock(channels, width, stride)
            blocks.append(nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(config.depth - 1))))
            channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, config.classes))
