"""The last map of a changed unit is refitted by least squares, which others solve as well."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock

from dna_deploy.errors import UsageError
from dna_deploy.fit.candidates import candidates_of
from dna_deploy.fit.channels import channel_groups
from dna_deploy.fit.repair import NormalEquations, last_changed_map, repair
from dna_deploy.fit.slicing import sliced
from dna_deploy.fit.straight import straight
from dna_deploy.fit.unit import Unit
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.spaces.shapes import FeatureMap


def _unit(unit: nn.Module, x: torch.Tensor) -> nn.Module:
    estimate_statistics(unit, [x.clone()])
    return unit.eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(64, 16, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_normal_equations_solve_what_lstsq_solves() -> None:
    features, targets = torch.randn(500, 12), torch.randn(500, 5)
    equations = NormalEquations()
    for rows in (slice(0, 200), slice(200, 500)):
        equations.add(features[rows], targets[rows])
    weight, bias = equations.solve(torch.zeros(5, 12), ridge=0.0)
    expected = torch.linalg.lstsq(F.pad(features, (0, 1), value=1.0).double(), targets.double()).solution
    torch.testing.assert_close(torch.cat((weight.T, bias[None])).double(), expected, rtol=1e-4, atol=1e-5)


def test_what_no_image_speaks_of_keeps_its_inherited_weight() -> None:
    equations = NormalEquations()
    equations.add(F.pad(torch.randn(100, 3), (0, 1)), torch.randn(100, 2))
    weight, _ = equations.solve(torch.full((2, 4), 7.0))
    torch.testing.assert_close(weight[:, 3], torch.full((2,), 7.0))


def test_a_narrow_unit_comes_closer_to_the_original_and_no_other_last_map_comes_closer(x: torch.Tensor) -> None:
    unit = _unit(InvertedResidual(16, 16, 1, 4), x)
    (group,) = channel_groups(unit, x)
    narrow = sliced(unit, group, torch.arange(32), x)
    before = F.mse_loss(narrow(x), unit(x)).item()
    assert repair(narrow, unit, [x[:32], x[32:]]) == "conv.2"
    after = F.mse_loss(narrow(x), unit(x)).item()
    hidden = narrow.conv[1](narrow.conv[0](x)).permute(0, 2, 3, 1).reshape(-1, 32).detach().double()
    target = (unit(x) - x).permute(0, 2, 3, 1).reshape(-1, 16).detach().double()
    matrix = F.pad(hidden, (0, 1), value=1.0)
    least = (matrix @ torch.linalg.lstsq(matrix, target).solution - target).square().mean().item()
    assert least <= after * (1 + 1e-6) and after < 1.02 * least < before


def test_behind_a_sum_that_is_rectified_the_map_is_fitted_to_what_the_original_map_emits(x: torch.Tensor) -> None:
    unit = _unit(BasicBlock(16, 16), x)
    (group,) = channel_groups(unit, x)
    narrow = sliced(unit, group, torch.arange(8), x)
    before = F.mse_loss(narrow(x), unit(x)).item()
    assert repair(narrow, unit, [x]) == "conv2"
    assert F.mse_loss(narrow(x), unit(x)).item() < 0.9 * before


def test_the_map_behind_the_change_is_refitted_not_one_beside_it(x: torch.Tensor) -> None:
    unit = _unit(BasicBlock(16, 24, 2, nn.Sequential(nn.Conv2d(16, 24, 1, 2), nn.BatchNorm2d(24))), x)
    (group,) = channel_groups(unit, x)
    assert last_changed_map(sliced(unit, group, torch.arange(8), x), unit, x) == "conv2"
    assert last_changed_map(copy.deepcopy(unit), unit, x) is None


def test_a_linear_unit_is_replaced_by_a_linear_map_without_loss(x: torch.Tensor) -> None:
    unit = nn.Sequential(nn.Conv2d(16, 40, 1), nn.AvgPool2d(2), nn.BatchNorm2d(40), nn.Conv2d(40, 24, 1)).eval()
    torch.testing.assert_close(straight(unit, [x])(x), unit(x), rtol=1e-2, atol=1e-2)


def test_a_linear_unit_that_sees_neighbours_is_replaced_by_one_convolution_without_loss(x: torch.Tensor) -> None:
    unit = nn.Sequential(nn.Conv2d(16, 40, 3, 2, 1), nn.BatchNorm2d(40), nn.Conv2d(40, 24, 1)).eval()
    torch.testing.assert_close(straight(unit, [x], 3)(x), unit(x), rtol=1e-2, atol=1e-2)
    with pytest.raises(UsageError, match="it would have 144 inputs a place and 3456 weights, the unit has 408"):
        straight(nn.Conv2d(16, 24, 1).eval(), [x], 3)


def test_every_candidate_has_the_units_shapes_and_keep_is_the_unit_itself(x: torch.Tensor) -> None:
    unit = _unit(InvertedResidual(16, 16, 1, 4), x)
    shape = FeatureMap(16, 6, 6)
    found = candidates_of(Unit("u", "InvertedResidual", shape, shape, 1, True, ("skip", "width", "operation")), unit, [x])
    codes = [candidate.code for candidate in found.there]
    assert codes == ["keep", "skip", "width75", "width50", "width38", "width25", "width12", "straight", "straight3"]
    assert found.there[0].module is unit and not found.missing
    for candidate in found.there:
        assert candidate.module(x).shape == unit(x).shape


def test_a_larger_kernel_is_cut_to_its_centre(x: torch.Tensor) -> None:
    unit = nn.Sequential(nn.Conv2d(16, 16, 5, padding=2, groups=16), nn.Conv2d(16, 16, 1)).eval()
    with torch.no_grad():
        unit[0].weight[:, :, [0, 4]] = 0
        unit[0].weight[:, :, :, [0, 4]] = 0
    shape = FeatureMap(16, 6, 6)
    found = candidates_of(Unit("u", "Sequential", shape, shape, 1, True, ("operation",)), unit, [x])
    small = next(candidate.module for candidate in found.there if candidate.code == "kernel3")
    torch.testing.assert_close(small(x), unit(x), rtol=1e-3, atol=1e-3)
