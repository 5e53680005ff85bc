"""Networks are what their architecture says: sizes agree with our counter, fvcore, and the published figures."""

from __future__ import annotations

import random
import warnings

import pytest
import torch

from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.network import Network
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap


def counted_by_fvcore(network: Network, input: FeatureMap) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore scripts a loss of its own on import
        from fvcore.nn import FlopCountAnalysis, parameter_count

        flops = FlopCountAnalysis(network.eval(), torch.zeros(1, input.channels, input.height, input.width))
        flops.unsupported_ops_warnings(enabled=False)
        by_operator = flops.by_operator()
    return parameter_count(network)[""], round(by_operator["conv"] + by_operator["linear"])


def counted_by_us(space: ChainSpace, line: str) -> tuple[int, int]:
    layers = space.place(space.parse(line))
    return sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("dna-a", 4.243), ("dna-b", 4.918), ("dna-c", 5.274), ("dna-d", 6.409), ("efficientnet-b0", 5.289)],
)
def test_fvcore_and_our_counter_agree_on_published_networks(name: str, millions: float) -> None:
    space = find_chain("mbconv").with_head()
    network = Network(space, space.parse(PUBLISHED[name]))
    parameters, macs = counted_by_fvcore(network, space.input)
    assert (parameters, macs) == counted_by_us(space, PUBLISHED[name])
    assert round(parameters / 1e6, 3) == millions


def test_fvcore_and_our_counter_agree_on_random_networks() -> None:
    space = find_chain("fashion").with_head()
    for seed in range(10):
        architecture = space.sample(random.Random(seed))
        counted = counted_by_fvcore(Network(space, architecture), space.input)
        assert counted == counted_by_us(space, str(architecture))


@pytest.mark.parametrize("space_name", ["fashion", "mbconv@32"])
def test_every_layer_emits_the_shape_it_promises(space_name: str) -> None:
    for layer in find_chain(space_name).with_head().rows():
        module = build_layer(layer).eval()
        shape = (layer.input.channels, layer.input.height, layer.input.width)
        with torch.no_grad():
            emitted = module(torch.zeros(2, *shape)).flatten(1)
        assert emitted.shape == (2, layer.output.elements), str(layer)


def test_features_are_the_outputs_of_the_blocks() -> None:
    space = find_chain("fashion").with_head()
    network = Network(space, space.sample(random.Random(0))).eval()
    images = torch.rand(3, 1, 28, 28)
    features = network.features(images)
    assert [tuple(feature.shape[2:]) for feature in features] == [(14, 14), (7, 7), (4, 4)]
    assert torch.equal(network.head(features[-1]), network(images))
