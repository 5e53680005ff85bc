"""``dna-deploy calibrate``: what it shows, and what search makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.cli.calibrate import calibration_view
from dna_deploy.records.rating_calibration import RatingCalibration
from tests.cli.test_learning import run
from tests.records.collect_samples import SAMPLES

RECORD = RatingCalibration.read(SAMPLES / "v1" / "rating-calibration.json")


def test_every_network_is_a_row_with_its_interval_and_misses_are_marked() -> None:
    shown = calibration_view(RECORD)
    assert all(network.architecture in shown for network in RECORD.networks)
    assert f"{RECORD.covered} of {len(RECORD.networks)} intervals hold what was reached" in shown
    first = RECORD.networks[0].model_copy(update={"low": 0.0, "high": 0.001})
    missed = RECORD.model_copy(update={"networks": (first, *RECORD.networks[1:])})
    assert calibration_view(missed).count("missed") == calibration_view(RECORD).count("missed") + RECORD.networks[0].is_covered


def test_the_best_is_shown_first() -> None:
    best = max(RECORD.networks, key=lambda network: network.accuracy.fraction)
    assert f"{best.accuracy.fraction:.1%}" in calibration_view(RECORD).splitlines()[2]


@pytest.mark.slow
def test_a_rating_is_calibrated_and_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    few = ("--epochs", "1", "--images", "640", "--rating-images", "50", "--teacher-epochs", "1", "--teacher-images", "200")
    folder = json.loads(run("rate", *few, "--json"))["folder"]
    found = json.loads(run("calibrate", folder, "--networks", "6", "--epochs", "1", "--json"))
    assert len(found["calibration"]["networks"]) == 6
    search = ("search", "--macs", "2M", "--ratings", found["table"])
    best = json.loads(run(*search, "--json"))
    assert best["predicted_accuracy"] == pytest.approx(1 - best["outcome"]["best"]["rating"] / 100)
    assert 0 < best["predicted_accuracy"] < 1
    assert "predicted accuracy after a short training: " in run(*search)
