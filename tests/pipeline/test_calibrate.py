"""Calibrating a rating, end to end: the table speaks in wrong answers, the record says how far it is to be believed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from dna_deploy.errors import TableError
from dna_deploy.pipeline.calibrate import calibrate_rating
from dna_deploy.progress import Progress
from dna_deploy.rating.raters.dna.candidate_features import positions
from dna_deploy.rating.raters.dna.rater import Dna
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.records.rating_calibration import RatingCalibration
from dna_deploy.search import Constraint, search
from dna_deploy.search.spread import spread
from dna_deploy.training.recipe import Recipe
from tests.rating.made import identity_in, work
from tests.search.instances import random_ratings
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

RECIPE = Recipe(epochs=2, batch=16, learning_rate=1e-2)


def test_a_calibrated_table_adds_up_to_wrong_answers_in_percent(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1})
    table = rate_space(SPACE, toy_teacher(), toy_data(), config, tmp_path / "run")
    done = work(tmp_path / "run", config=config, identity=identity_in(tmp_path / "run"))
    networks = spread(SPACE, table, 8)
    found = calibrate_rating(Dna(done), table, networks, RECIPE, tmp_path / "short")
    found.record.write(tmp_path / "calibration.json")
    assert RatingCalibration.read(tmp_path / "calibration.json") == found.record
    assert (found.table.method, found.record.calibrated, len(found.record.networks)) == (
        "calibrated dna",
        found.table.digest,
        8,
    )

    wrong = np.array([found.table.of(SPACE, network) for network in networks])
    reached = np.array([network.reached.value for network in found.record.networks])
    assert np.abs(100 - wrong - 100 * reached).mean() < 3 * 100 * reached.std()
    design = found.model.features.design(positions(SPACE, networks)) * (1 - found.model.features.neighbours)
    np.testing.assert_allclose(
        100 - wrong, 100 * found.model.weights @ np.array([design @ fit.mean for fit in found.model.fits])
    )

    best = search(SPACE, found.table, (), [Constraint.parse("macs", "60k")]).best
    assert found.table.of(SPACE, SPACE.parse(best.architecture)) == pytest.approx(best.rating)

    heard: list[Progress] = []
    again = calibrate_rating(Dna(done), table, networks, RECIPE, tmp_path / "short", on_progress=heard.append)
    assert (again.record.networks, heard) == (found.record.networks, [])


@pytest.mark.parametrize(("field", "what"), [("teacher", "teacher"), ("dataset", "images")])
def test_ratings_of_another_teacher_or_data_set_are_refused(tmp_path: Path, field: str, what: str) -> None:
    done = work(tmp_path)
    made = {"method": "dna", "teacher": done.teacher_label, "dataset": done.data_label, field: "another"}
    table = random_ratings(SPACE, random.Random(0)).model_copy(update=made)
    with pytest.raises(TableError, match=f"the {what} of the ratings, another, are not those of the supernets"):
        calibrate_rating(Dna(done), table, [], RECIPE, tmp_path)
