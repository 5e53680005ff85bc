"""Networks made larger: what grows, by how much, and what stays."""

from __future__ import annotations

import random

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from dna_deploy.spaces.scaling import Scaling, grown, largest, scaled

FASHION = find_chain("fashion").with_head()
NETWORK = FASHION.parse("24:k3e1,p1/40:k5e3,k3e3/80:k7e6")


def test_a_factor_of_one_leaves_the_network_as_it_is() -> None:
    assert scaled(FASHION, NETWORK, Scaling()).layers == FASHION.place(NETWORK)


def test_efficientnet_b1_is_the_scaled_b0_that_its_paper_says() -> None:
    """EfficientNet-B1 is B0 at depth 1.1: 7.79 million parameters, with one more layer in every stage (arXiv 1905.11946)."""
    space = find_chain("mbconv").with_head()
    stages = scaled(space, space.parse(PUBLISHED["efficientnet-b0"]), Scaling(depth=1.1))
    assert [len(block) for block in stages.blocks] == [3, 3, 4, 4, 5, 2]
    stem_of_b1_has_one_more = 16 * 9 + 2 * 16 + (16 * 4 + 4 + 4 * 16 + 16) + 16 * 16 + 2 * 16  # the space's stem is fixed
    assert stages.parameters + stem_of_b1_has_one_more == pytest.approx(7.794e6, rel=1e-3)


def test_a_deeper_stage_repeats_its_operations_in_their_order() -> None:
    stages = scaled(FASHION, NETWORK, Scaling(depth=1.5))
    assert [[layer.operation.code for layer in block] for block in stages.blocks] == [
        ["k3e1", "k3e1", "p1"],
        ["k5e3", "k5e3", "k3e3"],
        ["k7e6", "k7e6"],
    ]
    assert [[layer.stride for layer in block] for block in stages.blocks] == [[2, 1, 1], [2, 1, 1], [2, 1]]


def test_widths_are_multiples_of_eight_and_classes_stay() -> None:
    stages = scaled(FASHION, NETWORK, Scaling(width=1.3))
    assert [block[-1].out_channels for block in stages.blocks] == [32, 48, 104]
    assert stages.head[-1].out_channels == FASHION.out_channels


@pytest.mark.parametrize("step", [Scaling(width=1.1), Scaling(depth=1.2), Scaling(1.2, 1.1)])
def test_a_network_grows_to_the_parameters_asked_for_and_by_no_layer_beyond(step: Scaling) -> None:
    own, found = scaled(FASHION, NETWORK, Scaling()), grown(FASHION, NETWORK, step, 6)
    largest_layer = max(layer.parameters for layer in found.layers)
    assert 6 * own.parameters <= found.parameters < 6 * own.parameters + 2 * largest_layer


def test_images_grow_with_the_resolution() -> None:
    stages = scaled(FASHION, NETWORK, Scaling(resolution=1.5))
    assert (stages.layers[0].input.height, stages.blocks[-1][-1].output.height) == (42, 6)


def test_growth_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(UsageError, match="never has 4 times its parameters"):
        grown(FASHION, NETWORK, Scaling(resolution=1.1), 4)
    with pytest.raises(UsageError, match="factors of at least 1"):
        Scaling(depth=0.5)


@pytest.mark.parametrize("name", ["fashion", "mbconv"])
def test_no_network_of_a_space_has_more_layers_or_parameters_than_the_largest(name: str) -> None:
    space, rng = find_chain(name).with_head(), random.Random(0)
    found = largest(space)
    space.check(found)
    parameters = scaled(space, found, Scaling()).parameters
    for _ in range(300):
        other = space.sample(rng)
        assert len(space.place(other)) <= len(space.place(found))
        assert scaled(space, other, Scaling()).parameters <= parameters
