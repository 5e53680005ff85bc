"""``dna-deploy calibrate``: what it shows, and what search makes of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dna_deploy.cli.commands.calibrate import calibration_view
from dna_deploy.records.rating_calibration import RatingCalibration, calibration_beside
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import ACCURACY, RATING, predicted
from dna_deploy.spaces.catalog import find_chain
from tests.cli.made import fails, run
from tests.records.collect_samples import SAMPLES
from tests.search.instances import random_ratings

RECORD = RatingCalibration.read(SAMPLES / "v1" / "rating-calibration.json")


def test_every_network_is_a_row_with_its_interval_and_misses_are_marked() -> None:
    shown = calibration_view(RECORD)
    assert all(network.architecture in shown for network in RECORD.networks)
    assert f"{RECORD.covered} of {len(RECORD.networks)} intervals hold what was reached" in shown
    first = RECORD.networks[0].model_copy(update={"low": 0.0, "high": 0.001})
    missed = RECORD.model_copy(update={"networks": (first, *RECORD.networks[1:])})
    assert calibration_view(missed).count("missed") == calibration_view(RECORD).count("missed") + RECORD.networks[0].is_covered


def test_the_best_is_shown_first() -> None:
    best = max(RECORD.networks, key=lambda network: network.reached.value)
    assert f"{best.reached.value:.1%}" in calibration_view(RECORD).splitlines()[2]


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


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RatingTable:
    """A calibrated table with its record beside it, in the current folder."""
    space = find_chain("fashion").with_head()
    table = random_ratings(space, random.Random(0), error=0.2).model_copy(
        update={"method": "calibrated dna", "score": predicted(ACCURACY)}
    )
    table.write(tmp_path / "ratings" / "fashion.calibrated.json")
    record = RECORD.model_copy(update={"space": space.name, "space_digest": space.digest, "calibrated": table.digest})
    record.write(calibration_beside(tmp_path / "ratings" / "fashion.calibrated.json"))
    monkeypatch.chdir(tmp_path)
    return table


SEARCH = ("search", "--macs", "4M", "--ratings", "ratings/fashion.calibrated.json")


def test_search_speaks_of_accuracy_with_its_interval(calibrated: RatingTable) -> None:
    found = json.loads(run(*SEARCH, "--json"))
    accuracy, error = found["predicted_accuracy"], found["predicted_accuracy_standard_error"]
    assert accuracy == pytest.approx(1 - found["outcome"]["best"]["rating"] / 100)
    assert error == pytest.approx(found["outcome"]["best"]["rating_standard_error"] / 100)
    low, high = found["predicted_accuracy_interval"]
    assert found["leave_one_out_error"] == pytest.approx(RECORD.error)
    assert high == pytest.approx(min(1.0, accuracy + RECORD.reach(error)))
    said = run(*SEARCH)
    assert f"predicted accuracy after a short training: {accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}" in said
    assert f"networks left out of the fit were predicted {RECORD.error:.1%} off" in said
    assert max(map(len, said.splitlines())) <= 80


def test_without_the_record_search_has_the_standard_error_alone(calibrated: RatingTable) -> None:
    beside = calibration_beside(Path("ratings/fashion.calibrated.json"))
    RECORD.write(beside)  # of another table
    assert "predicted_accuracy_interval" not in json.loads(run(*SEARCH, "--json"))
    beside.unlink()
    assert "% (standard error)" in run(*SEARCH)


def test_the_front_speaks_of_accuracy(calibrated: RatingTable) -> None:
    front = ("front", "macs", "--ratings", "ratings/fashion.calibrated.json")
    points = json.loads(run(*front, "--json"))["points"]
    assert [point["predicted_accuracy"] for point in points] == pytest.approx([1 - point["rating"] / 100 for point in points])
    assert f"{points[-1]['predicted_accuracy']:.2%}" in run(*front)
    calibrated.model_copy(update={"method": "dna", "score": RATING}).write(Path("ratings/fashion.json"))
    assert "predicted_accuracy" not in json.loads(run("front", "macs", "--json"))["points"][0]


@pytest.mark.torch
def test_supernets_that_no_teacher_taught_are_refused(tmp_path: Path) -> None:
    sample = RatingRun.read(SAMPLES / "v1" / "supernet-run.json")
    sample.write(tmp_path / "supernet-run.json")
    error = fails("calibrate", str(tmp_path))
    assert f"holds what {sample.method} trained, whose blocks nobody can inherit" in error.message
    assert error.hint == "name another folder"
