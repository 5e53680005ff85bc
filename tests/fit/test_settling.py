"""Batch norms follow a change, and nothing but the change."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.fit.settling import Reference, settled
from dna_deploy.fit.units import find_units
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.made import TinyResNet

INPUT = FeatureMap(3, 16, 16)


def _trained(seed: int = 0) -> nn.Module:
    """Statistics of other images than those of the tests."""
    torch.manual_seed(seed)
    network = TinyResNet()
    estimate_statistics(network, [2 * torch.randn(256, *INPUT.sizes) + 1])
    return network.eval()


def test_a_network_whose_units_are_their_own_copies_stays_as_it_is_whatever_images_there_are() -> None:
    network = find_units(_trained(), INPUT).network
    images = [torch.randn(32, *INPUT.sizes)]
    copies = {unit.path: network.module(unit.path) for unit in network.units[1:3]}
    for modules in ({}, copies):
        torch.testing.assert_close(
            settled(network, modules, Reference(network, images))(images[0]), network.network(images[0]), rtol=1e-4, atol=1e-4
        )
    anew = settled(network, {}, None)
    estimate_statistics(anew, images)
    assert (anew(images[0]) - network.network(images[0])).abs().max() > 0.01


def test_what_a_unit_scales_and_shifts_is_taken_back_by_the_norm_behind_it() -> None:
    """Statistics that were not those of these images move as those of the images do."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1))
    second = nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    chain = nn.Sequential(nn.Sequential(first, second), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))
    estimate_statistics(chain, [2 * torch.randn(256, *INPUT.sizes) + 1])
    network, images = find_units(chain.eval(), INPUT).network, [torch.randn(64, *INPUT.sizes) for _ in range(2)]
    moved = network.module("0.0")
    with torch.no_grad():
        for weight in list(moved.parameters())[-2:]:
            weight.mul_(3.0)
        list(moved.parameters())[-1].add_(5.0)
    norm = next(
        part
        for part in settled(network, {"0.0": moved}, Reference(network, images)).modules()
        if isinstance(part, nn.BatchNorm2d)
    )
    before = next(part for part in chain.modules() if isinstance(part, nn.BatchNorm2d))
    torch.testing.assert_close(norm.running_var, 9 * before.running_var, rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        means = [first(each).mean((0, 2, 3)) for each in images]
    shift = torch.stack([2 * mean + 5 for mean in means]).mean(0)
    torch.testing.assert_close(norm.running_mean, before.running_mean + shift, rtol=1e-3, atol=1e-3)
