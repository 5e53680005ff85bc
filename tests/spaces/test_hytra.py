"""The hybrid trellis of BossNAS: counts that its authors published, and what does not divide."""

from __future__ import annotations

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.hytra import PUBLISHED
from dna_deploy.spaces.operations.hybrid import AttentionBottleneck
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap

SPACE = find_chain("hytra").with_head()


def test_bossnet_t0_has_the_multiply_accumulates_that_its_authors_count() -> None:
    """As boss_madds.py of BossNAS's repository counts them, for the network without squeeze-excite; published as 3.4 G."""
    layers = SPACE.place(SPACE.parse(PUBLISHED["bossnet-t0"]))
    assert sum(layer.macs for layer in layers) == 3_441_888_768


def test_blocks_have_as_many_candidates_as_the_authors_list_by_scale() -> None:
    """51, 99, 80 and 16 behind the finest scale to the coarsest (hytra_paths.py of the same repository)."""
    second = SPACE.blocks[1].cells
    counts = [sum(cell.count() for cell in second if cell.entry == width) for width in (256, 512, 1024, 2048)]
    assert counts == [51, 99, 80, 16]
    assert SPACE.index.counts[0] == 51


def test_it_holds_every_path_that_ends_at_the_coarsest_scale() -> None:
    assert SPACE.size() == 1_572_936
    assert find_chain("hytra-small").size() == 5_164


def test_scales_halve_the_image_four_to_five_times() -> None:
    layers = SPACE.place(SPACE.parse(PUBLISHED["bossnet-t0"]))
    assert [layer.output.extent[0] for layer in layers] == [112, 56, 56, 28, *(14,) * 5, *(7,) * 9, 1]


def test_attention_stands_at_the_two_coarsest_scales_only() -> None:
    for layer in SPACE.rows():
        if isinstance(layer.operation, AttentionBottleneck):
            assert layer.output.extent in {(14, 14), (7, 7)}


def test_blocks_are_compared_where_their_strides_leave_them() -> None:
    assert [frame.extent[0] for frame in SPACE.index.frames] == [56, 28, 14, 7]
    assert [frame.extent[0] for frame in find_chain("hytra-small").index.frames] == [32, 16, 4]


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UsageError, match="heads of 64 channels do not divide the 24 inside of 96") as caught:
        _ = PlacedLayer(AttentionBottleneck(), FeatureMap(96, 8, 8), 96).steps
    assert "multiple of 256" in caught.value.hint
