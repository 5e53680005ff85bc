"""Models of one's own come in by name, with weights as training scripts write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dna_deploy.data.image_set import IMAGENET_NORMALISATION
from dna_deploy.errors import UsageError
from dna_deploy.fit.model import load_model
from dna_deploy.spaces.shapes import FeatureMap

_NET = """
import torch
from torch import nn
def build(num_classes=4):
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))
def fails():
    raise ValueError("no card")
def number():
    return 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_net.py"
    path.write_text(_NET)
    return path


def test_a_file_gives_a_network_with_weights_under_a_prefix_and_the_average_is_preferred(file: Path) -> None:
    trained = load_model(f"{file}:build", classes=7, trained=False).network.state_dict()
    average = {f"module.{name}": tensor + 1 for name, tensor in trained.items()}
    torch.save({"state_dict": trained, "model_ema": average, "epoch": 3}, file.with_name("w.pth"))
    model = load_model(f"{file}:build", file.with_name("w.pth"), FeatureMap(3, 8, 8), classes=7)
    assert torch.equal(model.network.state_dict()["3.bias"], trained["3.bias"] + 1)
    assert "running mean" in model.remarks[0]


def test_a_network_of_a_file_says_how_its_images_are_normalised_or_is_told_what_is_assumed(file: Path) -> None:
    assumed = load_model(f"{file}:build")
    assert (assumed.mean, assumed.input) == (IMAGENET_NORMALISATION.mean, FeatureMap(3, 224, 224))
    assert "as ImageNet's; another says it" in assumed.remarks[-1]
    facts = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": (3, 64, 48)}
    file.write_text(_NET + f"net = build()\nnet.pretrained_cfg = {facts}\n")
    own = load_model(f"{file}:net")
    assert (own.mean, own.deviation, own.input) == (facts["mean"], facts["std"], FeatureMap(3, 64, 48))
    assert own.remarks[-1] == "images: less a mean of 0.5, 0.5, 0.5, divided by 0.25, 0.25, 0.25, as it says"


def test_a_model_of_timm_says_what_images_it_was_made_for() -> None:
    pytest.importorskip("timm")
    model = load_model("timm:test_vit", classes=3, trained=False)
    assert model.input == FeatureMap(3, 160, 160)
    assert model.network(torch.zeros(1, *model.input.sizes)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet50", "cannot tell which model 'resnet50' is"),
        ("my_net.py", "cannot tell which model 'my_net.py' is"),
        ("tim:resnet50", "cannot tell which model"),
        ("nowhere.py:build", "there is no Python file nowhere.py"),
        ("{file}:biuld", "has no 'biuld'"),
        ("{file}:fails", "ValueError: no card"),
        ("{file}:number", "makes a int, not an nn.Module"),
        ("torchvision:resnet51", "torchvision has no model 'resnet51'"),
    ],
)
def test_a_name_that_is_no_model_is_one_line(file: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_model(name.format(file=file), trained=False)


def test_weights_of_another_model_are_refused_with_the_difference(file: Path) -> None:
    torch.save({"head.weight": torch.zeros(2, 2)}, file.with_name("w.pth"))
    with pytest.raises(UsageError, match="holds weights of another network: it has"):
        load_model(f"{file}:build", file.with_name("w.pth"))
