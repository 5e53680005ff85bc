"""The kit of an own model: its networks compute the same operators as exports of them, and its space needs no torch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.kits.kit import KitPlan
from dna_deploy.export.kits.own_kit import OwnKit, make_own_kit
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.units import find_units
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap


class _Block(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(inside, outside, 3, stride, 1), nn.Conv2d(outside, outside, 3, 1, 1)
        self.keeps = inside == outside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(torch.relu(self.first(x)))
        return torch.relu(x + y if self.keeps else y)


class _Net(nn.Module):
    """Between the second and the third block stands a pool that is no unit."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.blocks = nn.Sequential(_Block(8, 8, 1), _Block(8, 8, 1), nn.MaxPool2d(2), _Block(8, 16, 2))
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3)))
        return y


INPUT = FeatureMap(3, 32, 32)


pytestmark = pytest.mark.slow  # exports


@pytest.fixture(scope="module")
def network() -> UnitNetwork:
    return find_units(_Net(), INPUT).network


@pytest.fixture(scope="module")
def made(network: UnitNetwork) -> OwnKit:
    modules: dict[str, dict[str, nn.Module]] = {
        unit.path: {"keep": network.module(unit.path), **({"skip": nn.Identity()} if "skip" in unit.may else {})}
        for unit in network.units
    }
    return make_own_kit("own", INPUT, network, modules, KitPlan(calibration_networks=3, validation_networks=1))


def _operators(content: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(content).graph.node)


def test_equal_units_are_one_row_and_the_rest_is_another(made: OwnKit) -> None:
    keys = [probe.key for probe in made.kit.probes("layer")]
    assert [PlacedLayer.parse(key).operation.code for key in keys] == ["rest", "keep", "skip", "keep"]
    assert {layer.key for layer in made.space.space.rows()} == set(keys)


def test_every_network_of_the_kit_has_the_operators_of_its_export_and_runs(
    made: OwnKit, network: UnitNetwork, tmp_path: Path
) -> None:
    made.kit.unpack(tmp_path)
    probes = made.kit.probes("calibration", "validation")
    assert len(probes) == 4  # all that there are
    for probe in probes:
        skipped = [place for place, choice in enumerate(probe.key.split("/")) if choice.endswith(":skip")]
        paths = [network.units[place].path for place in skipped]
        whole = export_onnx(network.replaced({path: nn.Identity() for path in paths}), INPUT)
        expected, actual = _operators(whole.SerializeToString()), _operators(made.kit.graphs[probe.file])
        assert {name: count for name, count in actual.items() if name != "Identity"} == expected
        session = onnxruntime.InferenceSession(str(tmp_path / probe.file))
        assert session.run(None, {"image": torch.rand(1, 3, 32, 32).numpy()})[0].shape == (1, 5)


def test_the_rest_runs_alone_between_the_gaps(made: OwnKit, tmp_path: Path) -> None:
    made.kit.unpack(tmp_path)
    (rest, *_) = made.kit.probes("layer")
    session = onnxruntime.InferenceSession(str(tmp_path / rest.file))
    shapes = {value.name: tuple(value.shape) for value in session.get_inputs()}
    assert shapes == {"image": (1, 3, 32, 32), "from1": (1, 8, 16, 16), "from2": (1, 16, 4, 4)}
    assert [tuple(value.shape) for value in session.get_outputs()] == [(1, 5), (1, 8, 16, 16), (1, 8, 8, 8)]


def test_costs_are_those_of_the_model(made: OwnKit) -> None:
    space = made.space.space
    layers = space.place(space.parse("8:keep/8:keep/16:keep"))
    assert sum(layer.deployed_parameters for layer in layers) == sum(weight.numel() for weight in _Net().parameters())
    convolutions = 3 * 8 * 9 * 256 + 4 * 8 * 8 * 9 * 256 + (8 * 16 + 16 * 16) * 9 * 16
    assert sum(layer.macs for layer in layers) == convolutions + 16 * 5


class _Inexportable(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.airy_ai(x)


def test_a_candidate_that_cannot_be_exported_is_absent_with_its_reason(network: UnitNetwork) -> None:
    modules = {"blocks.0": {"keep": network.module("blocks.0"), "odd": _Inexportable()}}
    made = make_own_kit("own", INPUT, network, modules, KitPlan(calibration_networks=0, validation_networks=0))
    ((absent),) = made.space.absent
    assert (absent.path, absent.code) == ("blocks.0", "odd")
    assert "airy_ai" in absent.reason
    with pytest.raises(UsageError, match=r"blocks\.0 cannot be exported as it is"):
        make_own_kit("own", INPUT, network, {"blocks.0": {"keep": _Inexportable()}})
