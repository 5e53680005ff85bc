"""``dna-deploy calibrate``: what it shows."""

from __future__ import annotations

from dna_deploy.cli.calibrate import calibration_view
from dna_deploy.records.rating_calibration import RatingCalibration
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
