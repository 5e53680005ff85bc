"""Units are found by running, and a network with its own units in their places is the same network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.fit.units import find_units
from dna_deploy.spaces.shapes import ChannelsLastMap, FeatureMap, Tokens

timm = pytest.importorskip("timm")


def _built(name: str) -> nn.Module:
    torch.manual_seed(0)
    if not name.startswith("torchvision:"):
        return timm.create_model(name, num_classes=10)
    from torchvision import models

    return models.get_model(name.partition(":")[2], num_classes=10)


@pytest.mark.parametrize(
    ("name", "size", "paths", "shape"),
    [
        ("resnet18", 64, ["layer1.0", "layer4.1"], FeatureMap(64, 16, 16)),
        ("torchvision:mobilenet_v2", 64, ["features.2", "features.17"], FeatureMap(24, 16, 16)),
        ("torchvision:vgg11", 64, ["features.3:5", "features.16:20"], FeatureMap(128, 32, 32)),
        ("vit_tiny_patch16_224", 224, ["blocks.0", "blocks.11"], Tokens(197, 192)),
        ("swin_s3_tiny_224", 224, ["layers.0.blocks.0", "layers.3.blocks.1"], ChannelsLastMap(56, 56, 96)),
    ],
)
def test_units_are_found_and_keeping_them_all_is_the_network(name: str, size: int, paths: list[str], shape: object) -> None:
    network = _built(name).eval()
    found = find_units(network, FeatureMap(3, size, size)).network
    units = {unit.path: unit for unit in found.units}
    assert set(paths) <= set(units)
    assert units[paths[0]].output == shape
    images = torch.randn(3, 3, size, size)  # another number of images than units were found with
    with torch.no_grad():
        same = found.replaced({path: found.module(path) for path in units})(images)
        torch.testing.assert_close(same, network(images), atol=1e-5, rtol=1e-5)


class _Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.dropout(self.layers(x), 0.5, train=True).mean((2, 3))


class _Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (_Random(), "answers the same images differently"),
        (_Twice(), "gives 2 outputs, not one tensor"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), "does not take images of 3x8x8"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "no part that can be replaced alone"),
    ],
)
def test_what_has_no_units_is_refused_with_the_reason(network: nn.Module, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_units(network, FeatureMap(3, 8, 8))


def test_embeddings_that_are_only_added_count_as_no_work() -> None:
    """Else those of 257 places would outweigh all layers, and the encoder be one unit."""
    from torchvision.models import VisionTransformer

    network = VisionTransformer(image_size=64, patch_size=4, num_layers=4, num_heads=2, hidden_dim=32, mlp_dim=32)
    units = find_units(network, FeatureMap(3, 64, 64)).network.units
    assert [unit.path for unit in units] == [f"encoder.layers.encoder_layer_{number}" for number in range(4)]
