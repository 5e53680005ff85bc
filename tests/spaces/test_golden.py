"""The published DNA space and networks: counts that others wrote down (dna_family 2.1 and 2.9)."""

from __future__ import annotations

import pytest

from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.mbconv import PUBLISHED

GOLDEN = {
    "dna-a": (4_243_318, 335_141_728),
    "dna-b": (4_918_180, 392_492_032),
    "dna-c": (5_273_896, 450_138_976),
    "dna-d": (6_409_486, 592_837_792),
    "efficientnet-b0": (5_288_548, 385_814_752),
}


def test_mbconv_counts_the_published_candidates() -> None:
    space = find_chain("mbconv").with_head()
    assert [block.count() for block in space.blocks] == [288, 1548, 1548, 2808, 16848, 6]
    assert f"{space.size():.2e}" == "1.96e+17"


def test_fashion_has_ten_million_networks_and_few_candidates() -> None:
    space = find_chain("fashion").with_head()
    assert space.size() >= 10_000_000
    assert sum(block.count() for block in space.blocks) == 810
    assert len(list(space.blocks[1].candidates())) == space.blocks[1].count() == 294


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_their_published_size(name: str) -> None:
    space = find_chain("mbconv").with_head()
    layers = space.place(space.parse(PUBLISHED[name]))
    assert (sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)) == GOLDEN[name]
