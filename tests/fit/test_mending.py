"""A network is refitted as a whole: what is left out is made good for by what stays, and gathered statistics undo nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock

from dna_deploy.fit.activations import Unactivated
from dna_deploy.fit.channels import channel_groups
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.mending import mended
from dna_deploy.fit.repair import repair
from dna_deploy.fit.settling import settled
from dna_deploy.fit.slicing import sliced
from dna_deploy.fit.units import find_units
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.made import TinyResNet

INPUT = FeatureMap(3, 16, 16)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("unit", [BasicBlock(8, 8), nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU6())])
def test_without_its_last_activation_a_unit_gives_what_that_receives(unit: nn.Module) -> None:
    x = torch.randn(4, 8, 5, 5)
    received = Unactivated(unit.eval(), x)(x.clone())
    assert received.min() < 0
    torch.testing.assert_close(unit(x.clone()), received.clamp(0, 6))


def test_an_activation_that_does_not_come_last_stays() -> None:
    x, unit = torch.randn(4, 16, 5, 5), InvertedResidual(16, 16, 1, 4).eval()
    assert torch.equal(Unactivated(unit, x)(x.clone()), unit(x.clone()))


def test_gathering_statistics_anew_changes_nothing_of_a_repaired_unit() -> None:
    x = torch.randn(64, 16, 6, 6)
    for unit, last in ((InvertedResidual(16, 16, 1, 4), "conv.2"), (BasicBlock(16, 16), "conv2")):
        estimate_statistics(unit, [x.clone()])
        narrow = sliced(unit, channel_groups(unit, x)[0], torch.arange(8), x)
        assert repair(narrow, unit, [x]) == last
        fitted = narrow(x.clone())
        estimate_statistics(narrow, [x.clone()])
        torch.testing.assert_close(narrow(x.clone()), fitted, rtol=1e-3, atol=3e-3)
        assert F.mse_loss(fitted, unit(x.clone())) < 0.9 * unit(x.clone()).var()


class _Chain(nn.Module):
    """A unit, one behind it that is linear, and a head."""

    def __init__(self) -> None:
        super().__init__()
        curved = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 8, 1))
        linear = nn.Sequential(nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.Conv2d(16, 8, 1))
        self.units, self.head = nn.Sequential(curved, linear), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.units(x).mean((2, 3)))
        return scores


def test_a_linear_unit_that_is_left_out_is_taken_over_by_the_one_before_it() -> None:
    network = find_units(_Chain(), INPUT).network
    images = list(torch.randn(96, *INPUT.sizes).split(48))
    before = {name: tensor.clone() for name, tensor in network.network.state_dict().items()}
    without = {"units.1": nn.Identity()}
    judge = Judge(network, [torch.randn(16, *INPUT.sizes)])
    wrong, right = network.replaced(without).eval(), mended(Judge(network, images), without)
    assert judge.divergence(judge.answers_of(right)).value < 1e-3 * judge.divergence(judge.answers_of(wrong)).value
    for name, tensor in network.network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_unit_makes_good_for_those_that_are_left_out_behind_it() -> None:
    network = find_units(TinyResNet(), INPUT).network
    images = list(torch.randn(256, *INPUT.sizes).split(64))
    estimate_statistics(network.network, [each.clone() for each in images])
    judge = Judge(network, [torch.randn(64, *INPUT.sizes)], images)
    without = {path: nn.Identity() for path in ("layer1.1", "layer1.2")}

    def error(module: nn.Module) -> float:
        features = Judge(network.on(module), judge.batches).inputs("layer2.0")[0]
        return float(F.mse_loss(features, judge.inputs("layer2.0")[0]))

    better = mended(Judge(network, images), without)
    assert error(better) < 0.7 * min(error(settled(network, without, reference)) for reference in (None, judge.reference))


def test_what_units_of_the_original_receive_is_kept_and_no_fit_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(find_units(TinyResNet(), INPUT).network, [], list(torch.randn(32, *INPUT.sizes).split(16)))
    without = {path: nn.Identity() for path in ("layer1.1", "layer1.2")}
    first, second = (mended(judge.fitter, without).state_dict() for _ in range(2))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    inputs = judge.fitter.remembered_inputs("layer1.0")
    assert inputs is judge.fitter.remembered_inputs("layer1.0")
    assert all(map(torch.equal, inputs, judge.fitter.inputs("layer1.0")))
    monkeypatch.setattr("dna_deploy.fit.features.ROOM_BYTES", 0)
    assert judge.fitter.remembered_inputs("layer2.0") is not judge.fitter.remembered_inputs("layer2.0")


class _Around(nn.Module):
    """Two units in a row, around which what the first receives is led on as well."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.units = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1)) for _ in range(3)
        )
        self.head = nn.Linear(8, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images)
        first = self.units[0](x)
        second = self.units[1](first + x)
        scores: torch.Tensor = self.head(self.units[2](second + x).mean((2, 3)))
        return scores


@pytest.mark.parametrize("model", [TinyResNet, _Around])
def test_walking_on_from_a_fitted_unit_gives_what_running_up_to_the_next_gives(
    model: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = find_units(model(), INPUT).network
    teacher = Judge(network, list(torch.randn(64, *INPUT.sizes).split(32)))
    changed = {}
    for unit in network.units:
        changed[unit.path] = network.module(unit.path)
        for weight in changed[unit.path].parameters():
            weight.data.mul_(0.8)
    walked = mended(teacher, changed)
    monkeypatch.setattr("dna_deploy.fit.mending._Walk.inputs", lambda self, path: self._student.inputs(path))
    torch.testing.assert_close(mended(teacher, changed).state_dict(), walked.state_dict(), rtol=1e-3, atol=1e-4)
