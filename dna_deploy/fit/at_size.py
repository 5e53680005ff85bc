"""A network on smaller copies of the images that it was made for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images ``(images, channels, height, width)`` at another height and width, smoothed before they are thinned out."""
    small = F.interpolate(images, size, mode="bilinear", antialias=True)
    return small.contiguous(memory_format=torch.channels_last)


class AtSize(nn.Module):
    """A network that sees images of any size at one."""

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def extra_repr(self) -> str:
        """Two sizes are two networks, also for a digest of their parts that have the same weights."""
        return f"size={self.size}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(resized(x, self.size))
        return scores
