"""A model of somebody's own, as the file that a user has."""

from __future__ import annotations

NET = """
from torch import nn

def layers(inside, outside, stride):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.ReLU(), nn.Conv2d(outside, outside, 3, 1, 1), nn.ReLU())
class Net(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.stages = nn.ModuleList([layers(8, 8, 1), layers(8, 8, 1), layers(8, 16, 2)])
        self.head = nn.Linear(16, num_classes)
    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean((2, 3)))
"""
