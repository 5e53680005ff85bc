"""The whole journey of a space of which nothing is chosen but widths, inside blocks and behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.pipeline.journey import Journey
from dna_deploy.pipeline.runner import run_stages
from dna_deploy.pipeline.settings_file import settings_of
from dna_deploy.progress import silent
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import MeasuredLatency, ModelCard, Parity
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.catalog import SPACES
from tests.data.made import coloured_folders
from tests.spaces.chains import narrow_sizes

pytestmark = pytest.mark.slow


NARROW = narrow_sizes(16)
SETTINGS = settings_of(
    {
        "space": "narrow",
        "latency": "50%",
        "keep_promise": False,
        "shortlist": 4,
        "profile": {"rounds": 16, "validation_networks": 2, "accept_noise": True},
        "data": {"dataset": "pictures", "rating_images": 24, "validation_images": 12},
        "teacher": {"name": "residual", "recipe": {"epochs": 1}},
        "rate": {"epochs": 1},
        "train": {"epochs": 1},
    }
)


def test_widths_are_profiled_rated_searched_trained_exported_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPACES, "narrow", f"{__name__}:NARROW")
    monkeypatch.chdir(tmp_path)
    coloured_folders(tmp_path / "pictures", 60)
    journey = Journey(SETTINGS, tmp_path / "run", tmp_path / "profiles")
    run_stages(journey.stages(), journey.folder, silent)
    assert len(LatencyTable.read(journey.profile.table_file).rows) == 2 + 2 + 4 + 4 + 4 + 4 + 2
    found, card = SearchOutcome.read(journey.outcome_file), ModelCard.read(journey.model_file.with_suffix(".card.json"))
    assert found.best.architecture == card.architecture
    assert NARROW.size() == 32
    assert str(NARROW.parse(card.architecture)) == card.architecture
    assert isinstance(card.parity, Parity)
    assert isinstance(card.measured, MeasuredLatency)
