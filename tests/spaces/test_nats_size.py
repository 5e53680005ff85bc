"""The size space of NATS-Bench: counts that its authors published, and widths inside blocks."""

from __future__ import annotations

import random

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.spaces.block import Cell
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.nats_size import WIDTHS, of_widths
from dna_deploy.spaces.operations import Conv
from dna_deploy.spaces.operations.preactivated import DenseCell
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from dna_deploy.spaces.shapes import FeatureMap

SPACE = find_chain("nats-size").with_head()


@pytest.mark.parametrize(("widths", "parameters"), [((8,) * 5, 11_714), ((8, 8, 16, 40, 40), 107_826), ((64,) * 5, 713_674)])
def test_networks_have_their_published_parameters(widths: tuple[int, int, int, int, int], parameters: int) -> None:
    assert SPACE.sections(of_widths(*widths)).parameters == parameters


def test_the_macs_of_the_smallest_network_are_those_counted_by_hand() -> None:
    stem, square = 27 * 8 * 32**2, 9 * 8 * 8
    cells = 5 * square * (32**2 + 16**2 + 8**2)
    blocks = (2 * square + 8 * 8) * (16**2 + 8**2)
    assert sum(layer.macs for layer in SPACE.place(of_widths(*(8,) * 5))) == stem + cells + blocks + 80


def test_it_holds_a_network_for_every_five_widths() -> None:
    assert SPACE.size() == len(WIDTHS) ** 5 == 32_768
    assert SPACE.index.counts == (64, 64, 8)
    assert len(SPACE.rows()) == 8 + 8 + 64 + 64 + 64 + 64 + 8


def test_every_width_is_felt_where_it_stands() -> None:
    layers = SPACE.place(of_widths(8, 16, 24, 32, 40))
    outputs = [(8, 32), (8, 32), (16, 16), (24, 16), (32, 8), (40, 8)]
    assert [layer.output for layer in layers[:-1]] == [FeatureMap(width, size, size) for width, size in outputs]


def test_a_candidate_whose_widths_stand_elsewhere_is_refused() -> None:
    for line in ("8-16-24:conv3,cell,res", "8-8:conv3,cell,res", "8-x-8:conv3,cell,res", "24:conv3,cell,res"):
        with pytest.raises(UsageError):
            SPACE.blocks[0].parse(line)
    with pytest.raises(UsageError, match="2 inner widths for a cell of 2 layers"):
        Cell(8, ((Conv(3),), (DenseCell(),)), (8, 8))


def test_a_network_changes_in_its_widths_where_layers_have_no_choice() -> None:
    rng, network = random.Random(0), of_widths(*(8,) * 5)
    assert len({SPACE.mutate(network, rng) for _ in range(20)}) > 15


def test_it_grows_in_depth_and_width() -> None:
    assert largest(SPACE) == of_widths(*(64,) * 5)
    assert scaled(SPACE, largest(SPACE), Scaling()).layers == SPACE.place(largest(SPACE))
    grown = scaled(SPACE, of_widths(8, 16, 24, 32, 40), Scaling(depth=2, width=2)).blocks
    assert [[layer.out_channels for layer in block] for block in grown] == [[16] * 4 + [32] * 2, [48] * 2 + [64] * 2, [80] * 2]
    assert [[layer.stride for layer in block] for block in grown] == [[1] * 5 + [2], [1] * 3 + [2], [1] * 2]
