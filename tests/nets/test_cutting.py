"""Cutting networks that others wrote: where they may be cut, and that the halves are the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.nets.teachers.checkpoints import read_checkpoint
from dna_deploy.nets.teachers.cutting import cut_network
from dna_deploy.nets.teachers.pretrained import Known, load_pretrained
from dna_deploy.nets.teachers.teacher import load_teacher, write_pretrained
from dna_deploy.spaces.catalog import find_chain

SPACE = find_chain("mbconv@64").with_head()
IMAGES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
INPUTS = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def resnet18() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model("resnet18").eval()


@pytest.mark.parametrize(
    ("model", "cuts"),
    [
        ("efficientnet_b0", ("blocks.1", "blocks.2", "blocks.3", "blocks.4", "blocks.5", "blocks")),
        ("resnet18", ("layer1", "layer2", "layer3.0", "layer3", "layer4.0", "layer4")),
        ("mobilenetv3_large_100", ("blocks.1", "blocks.2", "blocks.3", "blocks.4", "blocks.5.1", "blocks.5")),
    ],
)
def test_timm_models_are_cut_where_their_stages_end(model: str, cuts: tuple[str, ...]) -> None:
    assert cut_network(timm.create_model(model), SPACE).cuts == cuts


def test_a_torchvision_model_is_cut_where_its_stages_end() -> None:
    cut = cut_network(models.efficientnet_b0(), SPACE)
    assert cut.cuts == tuple(f"features.{stage}" for stage in range(2, 8))


@torch.no_grad()
def test_features_and_head_are_the_whole_network() -> None:
    network = resnet18()
    cut = cut_network(network, SPACE)
    features = cut.features(IMAGES)
    torch.testing.assert_close(features[0], network.layer1(network.maxpool(network.act1(network.bn1(network.conv1(IMAGES))))))
    assert torch.equal(cut.head(features[-1]), network(IMAGES))
    assert cut.prefix_batch == 1


class Reshaping(nn.Module):
    """Reshapes by the number of images it was given, as some published networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = resnet18()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.trunk.forward_features(x).mean((2, 3)).view(x.shape[0], -1)


@torch.no_grad()
def test_a_network_that_counts_its_images_has_a_head_as_well() -> None:
    cut = cut_network(Reshaping(), SPACE)
    assert cut.prefix_batch is None
    assert torch.equal(cut.head(cut.features(IMAGES)[-1]), cut(IMAGES))


def test_features_of_other_sizes_are_resized_and_it_is_said() -> None:
    cut = cut_network(timm.create_model("resnet18", in_chans=1), find_chain("fashion").with_head())
    assert [(reading.grid, reading.size) for reading in cut.readings] == [
        ((7, 7), (14, 14)),
        ((7, 7), (7, 7)),
        ((4, 4), (4, 4)),
    ]
    assert cut.remarks == ("features of the teacher are resized to those of the blocks: 7x7 to 14x14",)


def test_cuts_by_hand_are_taken_checked_and_explained() -> None:
    cuts = ("layer1.0", "layer2", "layer3.0", "layer3.1", "layer4.0", "layer4.1")
    assert cut_network(resnet18(), SPACE, cuts).cuts == cuts
    with pytest.raises(UsageError, match=r"no module 'layre2'") as caught:
        cut_network(resnet18(), SPACE, ("layer1", "layre2"))
    assert "layer2" in caught.value.hint
    with pytest.raises(UsageError, match=r"cannot be cut after 'layer1\.0\.conv1'"):
        cut_network(resnet18(), SPACE, ("layer1.0.conv1",))
    with pytest.raises(UsageError, match="is cut into 2 blocks; 'mbconv@64' has 6"):
        cut_network(resnet18(), SPACE, cuts[:2])


@torch.no_grad()
def test_a_teacher_gets_the_inputs_it_was_trained_on() -> None:
    network = resnet18()
    cut = cut_network(network, SPACE)
    own = tuple(network.pretrained_cfg[key] for key in ("mean", "std"))
    cut.expect(INPUTS, own)
    given, wanted = ((IMAGES - mean) / deviation for mean, deviation in (column(INPUTS), column(own)))
    torch.testing.assert_close(cut(given), network(wanted))
    torch.testing.assert_close(cut.head(cut.features(given)[-1]), network(wanted))


def column(inputs: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(values).view(1, 3, 1, 1) for values in inputs)


@torch.no_grad()
def test_a_teachers_file_holds_it_without_its_makers_weights(tmp_path: Path) -> None:
    cut = cut_network(resnet18(), SPACE)
    cut.expect(INPUTS, ((0.1,) * 3, (0.2,) * 3))
    write_pretrained(tmp_path / "teacher.safetensors", "timm:resnet18", cut, facts={})
    teacher = load_teacher(tmp_path / "teacher.safetensors")
    assert torch.equal(teacher.scores(IMAGES), cut(IMAGES))
    assert (teacher.name, teacher.classes, teacher.shapes[5].channels) == ("timm:resnet18", 1000, 512)


def test_recalibrated_statistics_are_those_of_the_images() -> None:
    norm = nn.BatchNorm2d(3)
    estimate_statistics(nn.Sequential(norm), IMAGES.split(1))
    torch.testing.assert_close(norm.running_mean, IMAGES.mean((0, 2, 3)))
    assert norm.momentum == 0.1


def test_weights_may_be_a_state_dict_but_nothing_that_runs(tmp_path: Path) -> None:
    wanted = resnet18()
    torch.save({"state_dict": wanted.state_dict()}, tmp_path / "weights.pth")
    network = timm.create_model("resnet18")
    read_checkpoint(tmp_path / "weights.pth").load_into(network)
    assert torch.equal(network.conv1.weight, wanted.conv1.weight)
    torch.save(wanted, tmp_path / "whole.pth")
    with pytest.raises(UsageError, match=r"whole\.pth holds code besides tensors, which is not run"):
        read_checkpoint(tmp_path / "whole.pth").load_into(network)


def test_weights_of_another_network_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    save_file({"rubbish": torch.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UsageError, match="holds weights of another network"):
        read_checkpoint(tmp_path / "other.safetensors").load_into(resnet18())
    with pytest.raises(UsageError, match="cannot read the weights"):
        read_checkpoint(tmp_path / "damaged.safetensors").load_into(resnet18())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tim:resnet18", "unknown teacher 'tim'"),
        ("timm:resnet81", "timm has no model 'resnet81'"),
        ("torchvision:resnet81", "torchvision has no model 'resnet81'"),
        ("efficientnet-lite:9", "no EfficientNet-Lite '9'"),
    ],
)
def test_unknown_teachers_are_named(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_pretrained(name, Known.PUBLISHED, SPACE.input)


def test_a_missing_weights_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.nets.teachers.pretrained.find_spec", lambda name: None)
    with pytest.raises(DependencyError) as caught:
        load_pretrained("efficientnet-lite:0", Known.PUBLISHED, SPACE.input)
    assert caught.value.hint == "pip install efficientnet_lite_pytorch"
