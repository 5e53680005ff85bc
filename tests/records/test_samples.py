"""Files of schema version 1 stay readable: a sample of every kind, as it was once written, is read by today's code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.records.latency_table import LatencyTable
from tests.records.collect_samples import SAMPLES, kinds

FILES = sorted(SAMPLES.glob("*.json"))


def test_every_kind_of_record_has_a_sample() -> None:
    assert {path.stem for path in FILES} == set(kinds())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_version_1_is_read(path: Path) -> None:
    body = json.loads(path.read_text())
    assert body["schema_version"] == 1
    record = kinds()[body["kind"]].read(path)
    assert record.provenance.host == "laptop"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_it_says_is_kept(path: Path) -> None:
    body = json.loads(path.read_text())
    kept = json.loads(kinds()[body["kind"]].read(path).content())
    missing = [key for key in body if key != "digest" and kept.get(key) != body[key]]
    assert not missing


def test_the_sample_of_a_table_still_predicts() -> None:
    table = LatencyTable.read(SAMPLES / "latency-table.json")
    assert table.row(table.rows[0].layer) == table.rows[0].latency_s
    assert table.calibration("p50").scale > 0
