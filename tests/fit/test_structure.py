"""Equal units are told from unlike ones by all that decides on their time, and by nothing else."""

from __future__ import annotations

import copy

import torch
from torch import nn

from dna_deploy.fit.structure import structure_of
from dna_deploy.spaces.shapes import FeatureMap

SHAPE = FeatureMap(4, 8, 8)


class _Shifted(nn.Module):
    """Has a setting that it does not print."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)
        self.shift = shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x.roll(self.shift, 2))
        return y


def test_weights_and_copies_make_no_difference() -> None:
    module = _Shifted(1)
    assert structure_of(module, SHAPE) == structure_of(copy.deepcopy(module).eval(), SHAPE) == structure_of(_Shifted(1), SHAPE)


def test_settings_that_are_not_printed_and_shapes_make_one() -> None:
    names = {structure_of(_Shifted(1), SHAPE), structure_of(_Shifted(2), SHAPE), structure_of(_Shifted(1), FeatureMap(4, 8, 9))}
    assert len(names) == 3


def test_mask_that_is_in_no_checkpoint_makes_one() -> None:
    masked = _Shifted(1)
    masked.register_buffer("mask", torch.zeros(3), persistent=False)
    plain = _Shifted(1)
    plain.register_buffer("mask", None, persistent=False)
    assert structure_of(masked, SHAPE) != structure_of(plain, SHAPE)
