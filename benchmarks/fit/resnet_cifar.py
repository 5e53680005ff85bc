"""The ResNets for CIFAR-10 of He et al. (arXiv 1512.03385, section 4.2): shortcuts without weights, 6n + 2 layers."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is padded with zeros where channels grow."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.added = stride, (width - channels) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added, self.added))
        return F.relu(y + x)


def _stage(channels: int, width: int, blocks: int) -> nn.Sequential:
    first = BasicBlock(channels, width, width // channels)
    return nn.Sequential(first, *(BasicBlock(width, width, 1) for _ in range(blocks - 1)))


class CifarResNet(nn.Module):
    """Three stages of 16, 32 and 64 channels."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = (depth - 2) // 6
        self.layer1, self.layer2, self.layer3 = (_stage(*widths, blocks) for widths in ((16, 16), (16, 32), (32, 64)))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.layer3(self.layer2(self.layer1(y)))
        scores: torch.Tensor = self.linear(y.mean((2, 3)))
        return scores


def trained(depth: int, folder: Path) -> CifarResNet:
    """With the weights ``resnetDEPTH.safetensors`` of a folder."""
    network = CifarResNet(depth)
    network.load_state_dict(load_file(folder / f"resnet{depth}.safetensors"))
    return network.eval()
