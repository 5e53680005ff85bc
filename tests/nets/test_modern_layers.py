"""Modern layers cost what fvcore and ONNX say, and compute what timm's own blocks compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from timm.models._efficientnet_blocks import EdgeResidual, UniversalInvertedResidual
from timm.models._efficientnet_blocks import MobileAttention as TimmMobileAttention
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import PooledHead, TokenHead
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.tokens import Patches
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens
from tests.nets.made import counted_by_fvcore, told_by_onnx

MAP = FeatureMap(16, 14, 14)
MULTI_QUERY: dict[str, Any] = {"use_multi_query": True, "layer_scale_init_value": None}
LAYERS = [
    PlacedLayer(UIB(5, 3, 4), MAP, 24, 2),
    PlacedLayer(UIB(3, 0, 4, "gelu"), MAP, 16),
    PlacedLayer(UIB(0, 0, 2), MAP, 16),
    PlacedLayer(UIB(0, 5, 6, "hardswish", 0.25), MAP, 24),
    PlacedLayer(FusedMBConv(3, 4), MAP, 16, 2),
    PlacedLayer(MobileAttention(4, 8), MAP, 16),
    PlacedLayer(MobileAttention(4, 8, 2), MAP, 24),
    PlacedLayer(PooledHead(32), MAP, 10),
    PlacedLayer(TokenHead("mean"), Tokens(9, 8), 10),
    PlacedLayer(TokenHead(), Tokens(9, 8), 10),
    PlacedLayer(Patches(7, 1), FeatureMap(3, 14, 14), 16),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_fvcore_and_onnx_agree_with_what_a_layer_says(layer: PlacedLayer) -> None:
    assert counted_by_fvcore(layer) == (layer.parameters, layer.macs)
    expected = layer.output.sizes[:1] if layer.output.sizes[1:] == (1, 1) else layer.output.sizes
    assert told_by_onnx(layer) == ((1, *expected), layer.deployed_parameters)


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        (LAYERS[0], UniversalInvertedResidual(16, 24, 5, 3, stride=2, exp_ratio=4, layer_scale_init_value=None)),
        (LAYERS[1], UniversalInvertedResidual(16, 16, 3, 0, exp_ratio=4, act_layer=nn.GELU, layer_scale_init_value=None)),
        (LAYERS[4], EdgeResidual(16, 16, 3, 2, exp_ratio=4)),
        (
            PlacedLayer(MobileAttention(4, 8, 2), MAP, 16),
            TimmMobileAttention(16, 16, num_heads=4, key_dim=8, value_dim=8, kv_stride=2, **MULTI_QUERY),
        ),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_layer_computes_what_the_block_of_timm_computes(layer: PlacedLayer, block: nn.Module) -> None:
    ours = build_layer(layer).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), block.eval().state_dict().values(), strict=True)))
    images = torch.randn(2, *layer.input.sizes)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), block(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("operation", "input", "stride", "message"),
    [
        (UIB(0, 0, 2), MAP, 2, "u00e2 has no depthwise convolution for a stride of 2"),
        (MobileAttention(4, 8), MAP, 2, "does not reduce"),
        (MobileAttention(4, 8), Tokens(9, 8), 1, "a feature map is needed"),
        (Patches(5), MAP, 1, "patches of 5 pixels do not divide images of 14x14"),
    ],
)
def test_a_layer_that_cannot_stand_in_a_place_says_why(operation: Operation, input: Shape, stride: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        max(PlacedLayer(operation, input, 16, stride).macs, PlacedLayer(operation, input, 16, stride).output.elements)
