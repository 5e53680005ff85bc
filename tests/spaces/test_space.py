"""Spaces count, enumerate, place, sample, print and parse exactly."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dna_deploy.errors import UsageError
from dna_deploy.spaces.catalog import find_chain, find_space, space_names
from dna_deploy.spaces.chain import identity_of
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Tokens, parse_shape
from dna_deploy.spaces.step import Step
from tests.spaces.chains import TINY
from tests.spaces.tied import TiedSpace


def test_enumeration_holds_every_network_once() -> None:
    networks = list(TINY.architectures())
    assert len(networks) == len(set(networks)) == TINY.size() == (2 + 4) * 2


def test_candidates_come_with_the_last_layer_fastest() -> None:
    codes = [str(choice) for choice in TINY.blocks[0].candidates()]
    assert codes == ["4:k3e1", "4:p1", "6:k3e1,k3e1", "6:k3e1,p1", "6:p1,k3e1", "6:p1,p1"]


def test_rows_are_the_layers_that_networks_use_and_no_others() -> None:
    used = set(itertools.chain.from_iterable(TINY.place(network) for network in TINY.architectures()))
    assert set(TINY.rows()) == used
    assert len(TINY.rows()) == len(used)


def test_a_width_is_felt_by_the_next_block() -> None:
    narrow, wide = TINY.parse("4:k3e1/8:k3e1"), TINY.parse("6:k3e1,p1/8:k3e1")
    assert TINY.place(narrow)[2].input == FeatureMap(4, 5, 5)
    assert TINY.place(wide)[3].input == FeatureMap(6, 5, 5)
    assert TINY.place(wide)[3].output == FeatureMap(8, 3, 3)


@pytest.mark.parametrize("name", space_names())
@given(seed=st.integers(0, 2**32))
def test_sampled_networks_print_and_parse(name: str, seed: int) -> None:
    space = find_chain(name).with_head()
    network = space.sample(random.Random(seed))
    assert space.parse(str(network)) == network
    assert all(PlacedLayer.parse(layer.key) == layer for layer in space.place(network))


@given(st.text(max_size=80))
def test_any_text_as_a_layer_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"mbconv({text}) 1x2x3->4/1", f"conv(kernel_size={text},activation=silu) 1x2x3->4/1"):
        try:
            layer = PlacedLayer.parse(candidate)
        except UsageError:
            continue
        assert PlacedLayer.parse(layer.key) == layer


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("4:k3e1", "has 1 blocks"),
        ("4:k9e9/8:k3e1", "unknown operation 'k9e9'"),
        ("5:k3e1/8:k3e1", "is no candidate of this block"),
        ("x:k3e1/8:k3e1", "cannot read block"),
        ("4:k3e1,k3e1/8:k3e1", "is no candidate of this block"),
    ],
)
def test_wrong_architecture_lines_are_refused(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TINY.parse(line)


def test_digests_follow_content() -> None:
    assert TINY.digest == TINY.with_head(TINY.head_for(3)).digest
    assert TINY.digest == TINY.with_head(TINY.head_for(4)).digest
    assert TINY.identity != TINY.with_head(TINY.head_for(4)).identity
    assert identity_of(TINY) == TINY.identity
    assert identity_of(TiedSpace()) == TiedSpace().digest
    assert find_space("mbconv@128").digest != find_space("mbconv").digest
    assert find_chain("mbconv@224").with_head() == find_chain("mbconv").with_head()
    assert find_space("mbconv@128").name == "mbconv@128"


def test_shapes_are_read_whole_or_refused() -> None:
    assert (parse_shape("16x28x7"), parse_shape("196x192")) == (FeatureMap(16, 28, 7), Tokens(196, 192))
    for text in ("16", "16xax28", "16xax28x28", "1x2x3x4", ""):
        with pytest.raises(UsageError, match="cannot read the shape"):
            parse_shape(text)


@pytest.mark.parametrize("name", ["mbcnov", "mbconv@", "mbconv@x", "mbconv@0", ""])
def test_unknown_spaces_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        find_chain(name).with_head()


class Skip(Operation):
    """Has no weights: nothing happens but the stride."""

    code = "skip"

    def steps(self, at: Place) -> tuple[Step, ...]:
        return ()


def test_an_operation_without_weights_costs_only_the_memory_of_its_tensors() -> None:
    for stride, kept in ((1, 64), (2, 16)):
        skip = PlacedLayer(Skip(), FeatureMap(4, 4, 4), 4, stride)
        assert (skip.parameters, skip.deployed_parameters, skip.macs) == (0, 0, 0)
        assert skip.peak_activation_elements == 64 + kept
