"""Modern layers cost what fvcore and ONNX say, and compute what timm's own blocks compute."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from timm.models._efficientnet_blocks import EdgeResidual, UniversalInvertedResidual
from timm.models._efficientnet_blocks import MobileAttention as TimmMobileAttention
from timm.models.convnext import ConvNeXtBlock
from timm.models.efficientvit_mit import LiteMLA
from timm.models.fastvit import MobileOneBlock
from timm.models.fastvit import RepMixer as RepMixerOfTimm
from timm.models.levit import Attention as LevitOfTimm
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.export.formats.onnx_graph import fold_batch_norms
from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.operations import Operation
from dna_deploy.spaces.operations.convnext import ConvNeXt
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import PooledHead, TokenHead
from dna_deploy.spaces.operations.map_attention import LevitAttention, LinearAttention
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.reparameterised import RepConv, RepMixer
from dna_deploy.spaces.operations.simple import GroupedConv
from dna_deploy.spaces.operations.tokens import Patches
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.operations.window_attention import WindowAttention
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens
from tests.nets.made import counted_by_fvcore, told_by_onnx

MAP = FeatureMap(16, 14, 14)


class Added(nn.Module):
    """A block and its input."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.block(x)
        return y


RELU: dict[str, Any] = {"act_layer": nn.ReLU}
MULTI_QUERY: dict[str, Any] = {"use_multi_query": True, "layer_scale_init_value": None}
LAYERS = [
    PlacedLayer(UIB(5, 3, 4), MAP, 24, 2),
    PlacedLayer(UIB(3, 0, 4, "gelu"), MAP, 16),
    PlacedLayer(UIB(0, 0, 2), MAP, 16),
    PlacedLayer(UIB(0, 5, 6, "hardswish", 0.25), MAP, 24),
    PlacedLayer(FusedMBConv(3, 4), MAP, 16, 2),
    PlacedLayer(MobileAttention(4, 8), MAP, 16),
    PlacedLayer(MobileAttention(4, 8, 2), MAP, 24),
    PlacedLayer(WindowAttention(4, 7), MAP, 16),
    PlacedLayer(GroupedConv(3, 8), MAP, 32, 2),
    PlacedLayer(ConvNeXt(), MAP, 16),
    PlacedLayer(LevitAttention(4, 8), MAP, 16),
    PlacedLayer(LinearAttention(8), MAP, 24),
    PlacedLayer(RepConv(3), MAP, 24, 2),
    PlacedLayer(RepConv(3, 3, 1), MAP, 16),
    PlacedLayer(RepMixer(), MAP, 16),
    PlacedLayer(WindowAttention(2), MAP, 16),
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
        (PlacedLayer(ConvNeXt(), MAP, 16), ConvNeXtBlock(16, ls_init_value=None)),
        (PlacedLayer(RepConv(3, 3, 1), MAP, 16), MobileOneBlock(16, 16, 3, group_size=1, num_conv_branches=3, **RELU)),
        (PlacedLayer(RepConv(3, 1, 0), MAP, 16), MobileOneBlock(16, 16, 3, num_conv_branches=1, **RELU)),
        (PlacedLayer(RepMixer(), MAP, 16), RepMixerOfTimm(16, layer_scale_init_value=None)),
        (PlacedLayer(LinearAttention(8), MAP, 24), LiteMLA(16, 24, dim=8)),
        (PlacedLayer(LevitAttention(4, 8), MAP, 16), Added(LevitOfTimm(16, 8, 4, 2, use_conv=True, act_layer=nn.Hardswish))),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_layer_computes_what_the_block_of_timm_computes(layer: PlacedLayer, block: nn.Module) -> None:
    ours = build_layer(layer).eval()
    for values in (values for values in block.buffers() if values.is_floating_point()):
        values.uniform_(0.5, 1.5)
    for values in block.parameters():
        nn.init.normal_(values, std=0.2)
    ours.load_state_dict(dict(zip(ours.state_dict(), block.eval().state_dict().values(), strict=True)))
    images = torch.randn(2, *layer.input.sizes)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), block(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operation", [RepConv(3), RepConv(3, 3, 1), RepMixer(5)], ids=str)
def test_branches_leave_as_the_convolution_that_they_are(operation: Operation) -> None:
    layer = PlacedLayer(operation, MAP, 16)
    module = build_layer(layer)
    module.train()(torch.randn(8, *MAP.sizes))  # statistics that are not those of a fresh batch norm
    images = torch.randn(2, *MAP.sizes)
    with torch.inference_mode():
        expected, folded = module.eval()(images), fold_batch_norms(copy.deepcopy(module))
        torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-5)
    assert sum(parameter.numel() for parameter in folded.parameters()) == layer.deployed_parameters < layer.parameters


@pytest.mark.parametrize(
    ("operation", "input", "stride", "message"),
    [
        (UIB(0, 0, 2), MAP, 2, "u00e2 has no depthwise convolution for a stride of 2"),
        (MobileAttention(4, 8), MAP, 2, "does not reduce"),
        (MobileAttention(4, 8), Tokens(9, 8), 1, "a feature map is needed"),
        (WindowAttention(3, 7), MAP, 1, "3 heads cannot map 16x14x14 to 16 channels"),
        (WindowAttention(4, 5), MAP, 1, "windows of 5x5 do not divide 14x14"),
        (GroupedConv(3, 5), MAP, 1, "groups of 5 channels do not divide 16 and 16 channels"),
        (LinearAttention(5), MAP, 1, "heads of 5 channels cannot map 16x14x14"),
        (Patches(5), MAP, 1, "patches of 5 pixels do not divide images of 14x14"),
    ],
)
def test_a_layer_that_cannot_stand_in_a_place_says_why(operation: Operation, input: Shape, stride: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        max(PlacedLayer(operation, input, 16, stride).macs, PlacedLayer(operation, input, 16, stride).output.elements)
