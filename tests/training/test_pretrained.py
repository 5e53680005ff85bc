"""A pretrained teacher is made once: its batch norms are recalibrated at the working resolution, and then stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from dna_deploy.data.batches import in_order
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, Split, load_data
from dna_deploy.errors import UsageError
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.spaces.catalog import find_chain, find_space
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.teachers import make_teacher
from tests.data.made import class_folders

SPACE = find_chain("mbconv@64").with_head(find_space("mbconv@64").head_for(2))


def photographs(folder: Path) -> ImageData:
    class_folders(folder, "cat", "dog")
    return load_data(DataConfig(dataset=str(folder), rating_images=4, validation_images=2), SPACE.input)


def config(folder: Path, **changes: object) -> TeacherConfig:
    """A residual network with random weights in a file."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = timm.create_model("resnet18").state_dict()
    save_file(weights, folder / "weights.safetensors")
    return TeacherConfig(name="timm:resnet18", weights=folder / "weights.safetensors", calibration_images=12, **changes)


@torch.no_grad()
def test_batch_norms_are_recalibrated_once_on_training_images_and_then_stay(tmp_path: Path) -> None:
    data = photographs(tmp_path / "images")
    path = make_teacher(config(tmp_path), SPACE, data, tmp_path / "teacher")
    teacher = load_teacher(path)
    network = teacher.network.network  # type: ignore[union-attr]
    images = next(in_order(Split(data.train.source, data.train.indices[:12]), data, 12)).inputs
    first = network.conv1(teacher.network._as_expected(images))  # type: ignore[operator, union-attr]
    torch.testing.assert_close(network.bn1.running_mean, first.mean((0, 2, 3)))  # type: ignore[union-attr]
    torch.testing.assert_close(network.bn1.running_var, first.var((0, 2, 3)), rtol=1e-3, atol=1e-4)  # type: ignore[union-attr]
    before = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    teacher.features(images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.network.state_dict().items())
    written = path.read_bytes()
    assert make_teacher(config(tmp_path), SPACE, data, tmp_path / "teacher").read_bytes() == written


def test_boundaries_may_be_set_by_hand(tmp_path: Path) -> None:
    data = photographs(tmp_path / "images")
    cuts = ("layer1.0", "layer2", "layer3.0", "layer3.1", "layer4.0", "layer4.1")
    path = make_teacher(config(tmp_path, cuts=cuts), SPACE, data, tmp_path / "teacher")
    assert load_teacher(path).network.cuts == cuts
    with pytest.raises(UsageError, match="no module 'layer9'"):
        make_teacher(config(tmp_path, cuts=("layer9",)), SPACE, data, tmp_path / "other")


@pytest.mark.parametrize("key", ["model_ema", "model"])
def test_it_is_said_once_where_the_running_mean_was_taken(tmp_path: Path, key: str) -> None:
    state = timm.create_model("resnet18").state_dict()
    torch.save({"model": state, key: state, "epoch": 3}, tmp_path / "mine.pth")
    named = TeacherConfig(name="timm:resnet18", weights=tmp_path / "mine.pth", calibration_images=0)
    notices, data = list[str](), photographs(tmp_path / "images")
    for _ in range(2):  # the second finds what the first made
        make_teacher(named, SPACE, data, tmp_path / "teacher", on_progress=lambda progress: notices.append(progress.notice))
    said = [f"{tmp_path / 'mine.pth'}: its model_ema is taken, the running mean of the weights, and not the last ones"]
    assert notices == (said if key == "model_ema" else [])
