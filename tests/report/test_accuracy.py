"""A report on calibrated ratings speaks of predicted accuracy wherever it shows a rating, and says how far to believe it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t as student_t

from dna_deploy.report.evidence import select
from dna_deploy.report.findings import gather
from dna_deploy.report.write import Written, sections_of, write_report
from dna_deploy.spaces.catalog import find_chain
from tests.report.story import (
    calibrated_of,
    calibrated_outcome_of,
    calibration_of,
    ratings_of,
    write_calibrated_story,
    write_story,
)

FASHION = find_chain("fashion").with_head()
RECORD = calibration_of(FASHION)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(calibrated: Written) -> str:
    return calibrated.html.read_text()


@pytest.fixture(scope="module")
def panel(page: str) -> Any:
    """What the slider's script is given."""
    found = re.search(r'<script type="application/json" id="budget-data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def section(page: str, key: str) -> str:
    found = re.search(rf'<section id="{key}".*?</section>', page, flags=re.DOTALL)
    assert found is not None, key
    return re.sub(r"<wbr>", "", found[0])


def interval(rating: float, standard_error: float) -> tuple[float, float, float]:
    """A predicted accuracy and the ends of its interval, in percent, from the record alone."""
    misses = [network.predicted - network.reached.value for network in RECORD.networks]
    error = math.sqrt(sum(miss**2 for miss in misses) / len(misses))
    reach = 100 * student_t.ppf(0.975, len(misses) - 1) * math.hypot(standard_error / 100, error)
    return 100 - rating, 100 - rating - reach, 100 - rating + reach


def test_the_slider_and_the_front_speak_of_accuracy_with_an_interval(page: str, panel: Any) -> None:
    front = calibrated_outcome_of(FASHION).front.points
    table = calibrated_of(FASHION)
    assert panel["merit"] == {"name": "predicted accuracy", "unit": " %", "gain": " points"}
    assert [point[1] for point in panel["points"]] == pytest.approx([100 - point.rating for point in front])
    assert [point[1] for point in panel["points"]] == sorted(point[1] for point in panel["points"])
    for reach, point in zip(panel["reaches"], front, strict=True):
        error = table.standard_error(FASHION, FASHION.parse(point.architecture))
        accuracy, _, high = interval(point.rating, error)
        assert reach == pytest.approx(high - accuracy, abs=1e-3)
    drawn = section(page, "front")
    assert "predicted accuracy (%)</text>" in drawn
    assert "A rising staircase" in drawn
    assert f"{100 - front[0].rating:.2f} %</td>" in drawn


def test_the_answer_is_told_as_accuracy_in_tile_section_and_card(page: str) -> None:
    best = calibrated_outcome_of(FASHION).best
    accuracy, low, high = interval(best.rating, best.rating_standard_error)
    told = f"{accuracy:.2f} %, after a short training (95 % interval {low:.2f} to {high:.2f} %)"
    assert told in section(page, "search")
    assert f"<dt>accuracy predicted by the search</dt><dd>{told}</dd>" in section(page, "card")
    assert f"<dt>predicted accuracy</dt><dd>{accuracy:.1f} %</dd>" in page
    assert "highest predicted accuracy" in section(page, "search")


def test_the_landscape_says_what_each_candidate_adds(page: str) -> None:
    drawn = section(page, "landscape")
    assert "accuracy it adds (points)</text>" in drawn
    table, chosen = calibrated_of(FASHION), FASHION.parse(calibrated_outcome_of(FASHION).best.architecture).parts[0]
    ratings = [rating for cell in table.blocks[0].cells for rating in cell.ratings]
    added = sum(ratings) / len(ratings) - table.of_choice(FASHION, 0, chosen)
    assert f"chosen {chosen} with {added:+.2f}".replace("-", "\N{MINUS SIGN}") in drawn


def test_the_leave_one_out_error_stands_where_accuracies_do(page: str) -> None:
    error = f"{100 * RECORD.error:.1f} %"
    assert f"Networks left out of the fit were predicted {error} off" in section(page, "front")
    shown = section(page, "accuracy")
    assert f"{100 * RECORD.error:.2f} %" in shown
    assert f"{RECORD.covered} of {len(RECORD.networks)}" in shown
    assert all(network.architecture in shown for network in RECORD.networks)
    assert 'id="plot-accuracy"' in shown


def test_no_rating_is_left_without_its_meaning(calibrated: Written, page: str) -> None:
    assert calibrated.missing == ()
    assert "lower is better" not in page
    assert not re.search(r"<t[hd][^>]*>(its )?rating</t[hd]>", page)
    assert "rating</text>" not in page


def test_a_calibrated_table_without_its_record_says_what_is_missing(tmp_path: Path) -> None:
    folder = write_calibrated_story(tmp_path)
    (folder / "ratings" / "fashion.calibrated.calibration.json").unlink()
    sections = {one.key: one for one in sections_of(select(gather([folder])))}
    assert [missing.reason for missing in sections["accuracy"].missing] == ["The record of the calibration was not found."]
    best = calibrated_outcome_of(FASHION).best
    assert f"± {best.rating_standard_error:.2f} (standard error)" in str(sections["search"].pieces)


def test_ratings_that_are_not_calibrated_stay_ratings_even_beside_a_calibration(tmp_path: Path) -> None:
    """The search was made on the plain table; that a calibrated one lies beside it changes nothing."""
    folder = write_story(tmp_path)
    RECORD.write(folder / "ratings" / "fashion.calibrated.calibration.json")
    calibrated_of(FASHION).write(folder / "ratings" / "fashion.calibrated.json")
    evidence = select(gather([folder]))
    assert evidence.ratings == ratings_of(FASHION)
    assert not evidence.merit.is_prediction
    assert "accuracy" not in {one.key for one in sections_of(evidence)}


def test_the_front_that_is_computed_from_a_calibrated_table_is_one_of_accuracy(tmp_path: Path) -> None:
    folder = write_calibrated_story(tmp_path)
    for name in ("outcome.json", "model/model.card.json"):  # both name a rating table
        (folder / name).unlink()
    front = next(one for one in sections_of(select(gather([folder]))) if one.key == "front")
    assert "predicted accuracy" in front.lead


@pytest.mark.slow
def test_the_same_records_make_the_same_page(calibrated: Written, tmp_path: Path) -> None:
    again = write_report([write_calibrated_story(tmp_path / "run")], tmp_path / "again.html")
    assert again.html.read_bytes() == calibrated.html.read_bytes()
