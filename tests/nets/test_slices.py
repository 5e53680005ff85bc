"""Widths that share weights: a part of the widest is what computes, learns, is saved and is measured."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.slices import share_widths
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.angle.rater import angle_between
from dna_deploy.spaces.chain import HeadedSpace
from tests.spaces.chains import narrow_sizes

SPACE = narrow_sizes(24).with_head()


def supernet(space: HeadedSpace = SPACE, *, shares: bool = True) -> OneShotSupernet:
    torch.manual_seed(0)
    return OneShotSupernet(space, share_depths=True, share_widths=shares)


def test_a_narrower_layer_is_the_beginning_of_the_wider_one() -> None:
    torch.manual_seed(0)
    wide, narrow = nn.Conv2d(8, 6, 3), nn.Conv2d(5, 4, 3)
    before = wide.weight.detach().clone()
    share_widths([nn.Sequential(wide, nn.BatchNorm2d(6)), nn.Sequential(narrow, nn.BatchNorm2d(4))])
    assert torch.equal(wide.weight, before)
    assert torch.equal(narrow.weight, before[:4, :5])
    images = torch.randn(2, 5, 9, 9)
    assert torch.equal(narrow(images), F.conv2d(images, before[:4, :5], wide.bias[:4]))
    narrow(images).sum().backward()
    (whole,) = {id(weight): weight for weight in (*wide.parameters(), *narrow.parameters()) if weight.ndim == 4}.values()
    assert whole.grad is not None
    assert whole.grad[:4, :5].abs().min() > 0
    assert not whole.grad[4:].any()
    assert not whole.grad[:, 5:].any()


def test_a_path_computes_what_a_network_of_its_weights_does() -> None:
    net, rng, images = supernet().eval(), random.Random(0), torch.randn(2, 3, 16, 16)
    for _ in range(5):
        architecture = SPACE.sample(rng)
        path, alone = net.path(architecture).eval(), Network(SPACE, architecture).eval()
        convolutions = [[m for m in each.modules() if isinstance(m, nn.Conv2d | nn.Linear)] for each in (path, alone)]
        with torch.no_grad():
            for learnt, own in zip(*convolutions, strict=True):
                assert learnt.weight.shape == own.weight.shape
                own.weight.copy_(learnt.weight)
                if own.bias is not None:
                    own.bias.copy_(learnt.bias)
            torch.testing.assert_close(path(images), alone(images))


def test_there_are_as_many_weights_as_the_widest_layers_have() -> None:
    def count(net: OneShotSupernet) -> int:
        return sum(weight.numel() for weight in net.parameters())

    largest = max(SPACE.architectures(), key=lambda each: sum(layer.parameters for layer in SPACE.place(each)))
    alone = sum(layer.parameters for layer in SPACE.place(largest))
    assert alone <= count(supernet()) < 1.3 * alone < 3 * alone < count(supernet(shares=False))


def test_shared_weights_are_saved_once_and_resumed(tmp_path: Path) -> None:
    net, other = supernet(), OneShotSupernet(SPACE, share_depths=True, share_widths=True)
    optimisers = [torch.optim.Adam(each.parameters()) for each in (net, other)]
    images, architecture = torch.randn(2, 3, 16, 16), SPACE.sample(random.Random(0))
    net.path(architecture)(images).sum().backward()
    optimisers[0].step()
    file = Checkpoint(tmp_path / "net.safetensors", "it")
    file.save(1, net, [optimisers[0]])
    assert (tmp_path / "net.safetensors").stat().st_size < 3.5 * 4 * sum(weight.numel() for weight in net.state_dict().values())
    assert file.resume(other, [optimisers[1]])["step"] == 1
    for name, tensor in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    with pytest.raises(RuntimeError, match="Unexpected key"):
        file.resume(other.stem, [])
    narrow, path = {id(weight) for weight in other.parameters()}, other.path(architecture)
    assert {id(weight) for weight in path.parameters()} <= narrow


def test_other_uses_of_weights_see_the_part() -> None:
    net, images = supernet(), torch.randn(2, 3, 16, 16)
    path, later = (each.path(SPACE.sample(random.Random(1))) for each in (net, copy.deepcopy(net)))
    with torch.no_grad():
        for weight in later.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    assert 0 < angle_between(path, later) < 2
    values = {name: weight.detach() for name, weight in later.named_parameters()}
    torch.testing.assert_close(functional_call(path.train(), values, (images,)), later.train()(images))


@pytest.mark.parametrize("shares", [False, True])
def test_a_supernet_is_drawn_from_its_seed(shares: bool) -> None:
    first, second = supernet(shares=shares).state_dict(), supernet(shares=shares).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
