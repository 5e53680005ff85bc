"""ResNet-20 for CIFAR (He et al., arXiv 1512.03385, section 4.2; shortcuts without weights) from a file, cut for the space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from benchmarks.nats.truth import SPACE
from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.learning.tensor_file import file_digest
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.nets.teachers.cutting import cut_network
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.spaces.chain import ChainSpace

CUTS = ("layer2", "layer3.1", "layer3")
"""Features of 16, 8 and 8 pixels."""
GIVEN_TO = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the images on which it was trained, as ImageNet's."""


class Basic(nn.Module):
    """Two convolutions beside what comes in, every other pixel and more channels of zeros where sizes change."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.stride, self.added = after // before, after - before
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, self.stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        short = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(y + short)


class ResNet(nn.Module):
    """Three stages of so many blocks."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stages = [
            nn.Sequential(Basic(a, b), *(Basic(b, b) for _ in range(blocks - 1))) for a, b in ((16, 16), (16, 32), (32, 64))
        ]
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        scores: torch.Tensor = self.linear(x.mean((2, 3)))
        return scores


def resnet_teacher(path: Path, data: ImageData, space: ChainSpace = SPACE, cuts: Sequence[str] = CUTS) -> Teacher:
    """The teacher in a file, cut for a space, its batch norms fitted to these images, which were JPEG files."""
    weights = load_file(path)
    network = ResNet(sum(name.startswith("layer1") and name.endswith("conv1.weight") for name in weights))
    network.load_state_dict(weights)
    cut = cut_network(network, space, cuts)
    cut.expect((data.normalisation.mean, data.normalisation.deviation), GIVEN_TO)
    some = Split(data.train.source, data.train.indices[:512])
    estimate_statistics(cut, (batch.inputs for batch in in_order(some, data, 128)))
    return Teacher.freeze(path.stem, file_digest(path), cut, space.input)
