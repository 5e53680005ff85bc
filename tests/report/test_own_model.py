"""A fitted model and a shelf have sections of their own, and no journey is missed where there was none."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.records.fitted_model import FittedModel
from dna_deploy.report.write import write_report
from tests.records.collect_samples import SAMPLES


def test_a_fitted_model_is_told_before_and_after_with_its_units_and_baselines(tmp_path: Path) -> None:
    written = write_report([SAMPLES / "v2" / "fitted-model.json"], tmp_path / "report.html", None)
    page, card = written.html.read_text(), FittedModel.read(SAMPLES / "v2" / "fitted-model.json")
    changed = [unit.path for unit in card.units if unit.choice != "keep"]
    assert "Your model within its budget" in page and card.model in page
    assert changed and all(path in page for path in changed)
    assert all(baseline.name in page for baseline in card.baselines)
    assert not written.missing


def test_the_front_of_a_shelf_is_drawn(tmp_path: Path) -> None:
    written = write_report([SAMPLES / "v1" / "shelf.json"], tmp_path / "report.html", tmp_path / "pictures")
    assert [path.name for path in written.pictures] == ["shelf.png"]
    assert "Networks from the shelf" in written.html.read_text()
