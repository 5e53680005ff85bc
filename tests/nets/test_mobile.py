"""Published mobile networks are members of `mobile`, and are what timm says."""

from __future__ import annotations

from functools import partial

import pytest
import timm
import torch
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.mobilenetv3 import MobileNetV3
from torch import nn

from dna_deploy.nets.network import Network
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.mobile import PUBLISHED
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.shapes import feature_map

SPACE = find_chain("mobile").with_head()
LIKE_V3 = (
    "24:u03e4,u03e3/40:u05e3s.hardswish,u05e3s.hardswish,u05e3s.hardswish"
    "/80:u03e6.hardswish,u03e3.hardswish,u03e3.hardswish,u03e3.hardswish/112:u03e6s.hardswish,u03e6s.hardswish"
    "/160:u05e6s.hardswish,u05e6s.hardswish,u05e6s.hardswish/160:u05e6s.hardswish/160:u05e6s.hardswish"
)


def timm_like_v3() -> nn.Module:
    """Its large network in stages of this space: whole expansions, the stem and the end of MobileNetV4."""
    stages = [
        ["ir_r1_k3_s2_e4_c24_nre", "ir_r1_k3_s1_e3_c24_nre"],
        ["ir_r3_k5_s2_e3_c40_se0.25"],
        ["ir_r1_k3_s2_e6_c80", "ir_r3_k3_s1_e3_c80"],
        ["ir_r2_k3_s1_e6_c112_se0.25"],
        ["ir_r5_k5_s2_e6_c160_se0.25"],
        ["cn_r1_k1_s1_c960"],
    ]
    squeeze = partial(SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=nn.ReLU, rd_round_fn=round_channels)
    ends = {"stem_size": 32, "head_bias": False, "head_norm": True, "num_features": 1280}
    return MobileNetV3(decode_arch_def(stages), act_layer=nn.Hardswish, se_layer=squeeze, **ends)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_the_parameters_that_timm_counts(name: str) -> None:
    network = timm.create_model(name.replace("-", "_"))
    layers = SPACE.place(SPACE.parse(PUBLISHED[name]))
    assert sum(layer.parameters for layer in layers) == sum(parameter.numel() for parameter in network.parameters())


def test_a_network_like_mobilenetv3_has_the_parameters_that_timm_counts() -> None:
    layers = SPACE.place(SPACE.parse(LIKE_V3))
    assert sum(layer.parameters for layer in layers) == sum(parameter.numel() for parameter in timm_like_v3().parameters())


def test_mobilenetv4_computes_here_what_it_computes_in_timm() -> None:
    theirs = timm.create_model("mobilenetv4_conv_small").eval()
    ours = Network(SPACE, SPACE.parse(PUBLISHED["mobilenetv4-conv-small"])).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_attention_stands_at_low_resolution_only() -> None:
    sizes = {feature_map(layer.input).height for layer in SPACE.rows() if isinstance(layer.operation, MobileAttention)}
    assert sizes == {14, 7}
