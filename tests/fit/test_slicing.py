"""Hidden channels are found by running, and narrower copies compute what masked originals do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from timm.layers.attention import Attention
from timm.models._efficientnet_blocks import InvertedResidual, SqueezeExcite
from timm.models.convnext import ConvNeXtBlock
from timm.models.vision_transformer import Block
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from dna_deploy.errors import UsageError
from dna_deploy.fit.channels import channel_groups
from dna_deploy.fit.slicing import is_close, masked_output, permuted, sliced


def _inverted() -> nn.Module:
    return InvertedResidual(16, 16, exp_ratio=3.0, se_layer=partial(SqueezeExcite, rd_channels=4))


MAP, TOKENS = (2, 16, 6, 6), (2, 5, 32)
UNITS = {
    "basic": (lambda: BasicBlock(16, 16), MAP, [("conv1", 16)]),
    "bottleneck": (lambda: Bottleneck(16, 4), MAP, [("conv1", 4), ("conv2", 4)]),
    "grouped": (lambda: Bottleneck(16, 4, groups=4, base_width=128), MAP, [("conv1", 4)]),
    "strided": (
        lambda: BasicBlock(16, 24, 2, nn.Sequential(nn.Conv2d(16, 24, 1, 2), nn.BatchNorm2d(24))), MAP, [("conv1", 24)]
    ),
    "inverted": (_inverted, MAP, [("conv_pw", 48), ("se.conv_reduce", 4)]),
    "convnext": (lambda: ConvNeXtBlock(16, ls_init_value=1.0), MAP, [("mlp.fc1", 64)]),
    "transformer": (lambda: Block(32, 4, qkv_bias=True), TOKENS, [("attn.qkv", 4), ("mlp.fc1", 128)]),
}  # fmt: skip


def _unit(name: str) -> tuple[nn.Module, torch.Tensor]:
    make, shape, _ = UNITS[name]
    torch.manual_seed(0)
    unit = make().eval()
    for part in unit.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight, part.bias, part.running_mean, part.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return unit, torch.randn(shape)


@pytest.mark.parametrize("name", UNITS)
def test_hidden_channels_are_those_that_a_reader_of_the_code_would_name(name: str) -> None:
    unit, x = _unit(name)
    assert [(group.name, group.atoms) for group in channel_groups(unit, x)] == UNITS[name][2]


@pytest.mark.parametrize("name", UNITS)
def test_a_sliced_unit_computes_what_the_masked_one_does_with_fewer_weights(name: str) -> None:
    unit, x = _unit(name)
    for group in channel_groups(unit, x):
        atoms = torch.tensor([0, group.atoms - 1])
        narrow = sliced(unit, group, atoms, x)
        torch.testing.assert_close(narrow(x), masked_output(unit, group, atoms, x), rtol=1e-4, atol=1e-5)
        assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in unit.parameters())
        assert not is_close(narrow(x), unit(x), 1e-2)


@pytest.mark.parametrize("name", UNITS)
def test_channels_of_a_group_may_change_places_and_those_of_half_a_group_may_not(name: str) -> None:
    unit, x = _unit(name)
    for group in channel_groups(unit, x):
        order = torch.arange(group.atoms).roll(1)
        torch.testing.assert_close(permuted(unit, group, order)(x), unit(x), rtol=1e-4, atol=1e-4)
        half = replace(group, columns={})
        assert not is_close(permuted(unit, half, order)(x), unit(x), 1e-3)


def test_channels_that_a_unit_mixes_on_the_way_have_no_group() -> None:
    unit = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8)).eval()
    assert channel_groups(unit, torch.randn(2, 8)) == ()


def test_a_unit_whose_code_hides_a_number_of_channels_is_refused_with_the_reason() -> None:
    class Hiding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(x).reshape(-1, 8))

    unit = Hiding().eval()
    (group,) = channel_groups(unit, torch.randn(2, 4))
    with pytest.raises(UsageError, match=r"first cannot be narrowed to 4 of 8: "):
        sliced(unit, group, torch.arange(4), torch.randn(2, 4))


def test_heads_are_taken_out_with_their_own_attribute_of_the_module() -> None:
    attention = Attention(32, num_heads=4, qkv_bias=True).eval()
    x = torch.randn(2, 5, 32)
    (heads,) = channel_groups(attention, x)
    assert heads.atoms == 4
    narrow = sliced(attention, heads, torch.tensor([1, 3]), x)
    assert (narrow.num_heads, narrow.qkv.out_features, narrow.proj.in_features) == (2, 48, 16)
