"""Hidden channels go in the order of what refitting cannot make good for, as brute force finds it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.layers.attention import Attention
from torch import nn
from torchvision.models.resnet import Bottleneck

from dna_deploy.fit import ranking
from dna_deploy.fit.channels import ChannelGroup, channel_groups
from dna_deploy.fit.ranking import by_energy, by_surgery, importance
from dna_deploy.fit.slicing import sliced


def _mlp(hidden: int = 8) -> tuple[nn.Module, torch.Tensor, ChannelGroup]:
    torch.manual_seed(0)
    unit, x = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 3)).eval(), torch.randn(400, 4)
    (group,) = channel_groups(unit, x)
    return unit, x, group


def _error(features: np.ndarray, wanted: np.ndarray) -> float:
    """What least squares with a bias leave."""
    with_one = np.c_[features, np.ones(len(features))]
    return float(np.square(with_one @ np.linalg.lstsq(with_one, wanted, rcond=None)[0] - wanted).mean(0).sum())


def _by_brute_force(features: np.ndarray, wanted: np.ndarray, atoms: list[list[int]]) -> list[int]:
    """Atoms taken out one after the other, each time the one without which least squares do best; the last first."""
    left, gone = list(range(len(atoms))), []
    while left:
        errors = [_error(features[:, [c for other in left if other != atom for c in atoms[other]]], wanted) for atom in left]
        gone.append(left.pop(int(np.argmin(errors))))
    return gone[::-1]


def test_channels_go_in_the_order_that_brute_force_finds() -> None:
    unit, x, group = _mlp()
    with torch.no_grad():
        features, wanted = unit[:2](x).double().numpy(), unit(x).double().numpy()
    assert by_surgery(unit, group, [x[:100], x[100:]]).tolist() == _by_brute_force(features, wanted, [[n] for n in range(8)])


def test_heads_go_in_the_order_that_brute_force_finds() -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, num_heads=4, qkv_bias=True).eval(), torch.randn(300, 5, 16)
    (group,) = channel_groups(attention, x[:1])
    read = list[torch.Tensor]()
    attention.proj.register_forward_pre_hook(lambda _module, args: read.append(args[0]))
    with torch.no_grad():
        wanted = attention(x).flatten(0, 1).double().numpy()
    heads = [list(range(4 * head, 4 * head + 4)) for head in range(4)]
    expected = _by_brute_force(read[0].flatten(0, 1).double().numpy(), wanted, heads)
    assert by_surgery(attention, group, [x]).tolist() == expected


def test_what_a_loss_is_said_to_be_is_what_least_squares_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "RIDGE", 1e-9)
    unit, x, group = _mlp()
    with torch.no_grad():
        (reader,) = ranking._readers(unit, group, [x])
        features, wanted = unit[:2](x).double().numpy(), unit(x).double().numpy()
    for atom, loss in enumerate(reader.losses(torch.arange(8))):
        assert float(loss) == pytest.approx(_error(np.delete(features, atom, 1), wanted), rel=1e-3)


def test_a_strong_channel_that_another_repeats_goes_before_a_weak_one_that_nothing_repeats() -> None:
    unit, x, group = _mlp()
    strongest, weakest = by_energy(unit, group, [x])[[0, -1]].tolist()
    other = next(atom for atom in range(8) if atom not in {strongest, weakest})
    with torch.no_grad():
        unit[0].weight[other], unit[0].bias[other] = unit[0].weight[strongest], unit[0].bias[strongest]
    assert by_surgery(unit, group, [x]).tolist()[-1] in {strongest, other}
    assert by_energy(unit, group, [x]).tolist()[-1] not in {strongest, other}


def test_channels_keep_their_order_in_a_unit_in_which_they_changed_places() -> None:
    torch.manual_seed(0)
    unit, x = Bottleneck(16, 4).eval(), torch.randn(8, 16, 6, 6)
    (_, group) = channel_groups(unit, x)
    order, before = torch.tensor([2, 0, 3, 1]), unit(x)
    rated, ranked = importance(unit, group, [x]), by_surgery(unit, group, [x])
    with torch.no_grad():
        unit.conv2.weight.copy_(unit.conv2.weight[order])
        unit.conv3.weight.copy_(unit.conv3.weight[:, order])
    torch.testing.assert_close(unit(x), before)
    torch.testing.assert_close(importance(unit, group, [x]), rated[order])
    torch.testing.assert_close(order[by_surgery(unit, group, [x])], ranked)


def test_importance_of_a_channel_is_the_energy_that_goes_missing_without_it() -> None:
    unit, x, group = _mlp(6)
    for atom, rated in enumerate(importance(unit, group, [x])):
        others = torch.tensor([number for number in range(6) if number != atom])
        missing = (unit(x) - sliced(unit, group, others, x)(x)).detach().double()
        assert float(missing.square().sum(1).mean()) == pytest.approx(float(rated), rel=1e-5)


def test_where_a_reader_is_too_wide_channels_go_by_their_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    unit, x, group = _mlp()
    monkeypatch.setattr(ranking, "WIDEST", 7)
    assert by_surgery(unit, group, [x]).tolist() == by_energy(unit, group, [x]).tolist()
