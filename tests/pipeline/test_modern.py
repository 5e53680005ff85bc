"""The whole journey of spaces of tokens, of windows and of modern mobile blocks, made small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dna_deploy.pipeline.journey import Journey
from dna_deploy.pipeline.runner import run_stages
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import settings_of
from dna_deploy.progress import silent
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import MeasuredLatency, ModelCard, Parity
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.catalog import SPACES
from dna_deploy.spaces.catalog.hytra import trellis
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import Conv
from dna_deploy.spaces.operations.fused_mbconv import FusedMBConv
from dna_deploy.spaces.operations.heads import LinearHead, PooledHead, TokenHead
from dna_deploy.spaces.operations.mobile_attention import MobileAttention
from dna_deploy.spaces.operations.tokens import FeedForward, Patches, SelfAttention
from dna_deploy.spaces.operations.uib import UIB
from dna_deploy.spaces.operations.window_attention import WindowAttention
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.made import coloured_folders

pytestmark = pytest.mark.slow

BOSS = {"epochs": 1, "batch": 8, "ensemble": 2, "hidden": 8, "size": 8}

IMAGE = FeatureMap(3, 16, 16)
PAIR = ((SelfAttention(1), SelfAttention(2)), (FeedForward(1), FeedForward(2)))
FEED = ((UIB(0, 0, 2, "gelu"), UIB(3, 0, 2, "gelu")),)
MIXED = ((Conv(3, "none"),), (WindowAttention(2), WindowAttention(2, 2)), *FEED)
LAYERS = (UIB(0, 3, 2), UIB(3, 0, 2, "hardswish", 0.25), MobileAttention(2, 8, 2))

TOKENS = ChainSpace(
    "tokens", IMAGE, (),
    (
        Block(1, tuple(Cell(width, ((Patches(4, 1),), *PAIR)) for width in (16, 24))),
        Block(1, tuple(Cell(width, PAIR * depth) for width in (16, 24) for depth in (1, 2))),
    ),
    (FixedLayer(TokenHead(), 2),), is_tied=True,
)  # fmt: skip
WINDOWS = replace(
    TOKENS, name="windows", stem=(FixedLayer(Conv(3, "gelu"), 8, 2),), usual_head=(FixedLayer(PooledHead(16), 2),),
    blocks=tuple(Block(2, tuple(Cell(width, MIXED) for width in widths)) for widths in ((16, 24), (32, 48))),
)  # fmt: skip
BLOCKS = ChainSpace(
    "blocks", IMAGE, (FixedLayer(Conv(3, "relu"), 8, 2),),
    (
        Block(2, (Cell(16, ((FusedMBConv(3, 2), UIB(3, 5, 2)),)), Cell(24, ((FusedMBConv(3, 2, last="relu"),),)))),
        Block(1, (Cell(16, (LAYERS,)), Cell(16, (LAYERS, LAYERS)))),
    ),
    (FixedLayer(Conv(1, "relu"), 32), FixedLayer(PooledHead(16), 2)),
)  # fmt: skip


TRELLIS = replace(
    BLOCKS, name="trellis", stem=(FixedLayer(Conv(3, "relu"), 8, 2),), usual_head=(FixedLayer(LinearHead(), 2),),
    blocks=trellis((8, 16), blocks=2, layers=1, head_channels=2),
)  # fmt: skip


@pytest.mark.parametrize("space", [TOKENS, WINDOWS, BLOCKS, TRELLIS], ids=lambda space: space.name)
def test_modern_layers_are_profiled_rated_searched_trained_exported_and_verified(
    space: ChainSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPACES, space.name, f"{__name__}:{space.name.upper()}")
    monkeypatch.chdir(tmp_path)
    coloured_folders(tmp_path / "pictures", 40)
    journey = Journey(settings(space.name), tmp_path / "run", tmp_path / "profiles")
    run_stages(journey.stages(), journey.folder, silent)
    card = ModelCard.read(journey.model_file.with_suffix(".card.json"))
    assert len(LatencyTable.read(journey.profile.table_file).rows) == len(space.with_head().rows())
    assert str(space.parse(card.architecture)) == card.architecture
    assert isinstance(card.parity, Parity)
    assert isinstance(card.measured, MeasuredLatency)


def settings(space: str) -> Settings:
    """A journey of seconds."""
    return settings_of(
        {
            "space": space,
            "latency": "60%",
            "keep_promise": False,
            "shortlist": 4,
            "profile": {"rounds": 24, "validation_networks": 2, "accept_noise": True},
            "data": {"dataset": "pictures", "rating_images": 16, "validation_images": 8},
            "teacher": {"recipe": {"epochs": 1}},
            **({"method": "boss", "rate": BOSS} if space == "trellis" else {"rate": {"epochs": 1}}),
            "train": {"epochs": 1},
        }
    )
