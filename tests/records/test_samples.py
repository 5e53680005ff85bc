"""Files of every schema version stay readable: a sample of every kind, as it was once written, is read by today's code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dna_deploy.records.files import Record
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.refinement import Refinement
from tests.records.collect_samples import SAMPLES, kinds

FILES = sorted(SAMPLES.glob("v*/*.json"))


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("record", dict.fromkeys(kinds().values()), ids=lambda record: record.KIND)
def test_every_version_of_every_kind_of_record_has_a_sample_and_a_way_to_the_next(record: type[Record]) -> None:
    versions = range(1, record.SCHEMA_VERSION + 1)
    assert [version for version in versions if not (SAMPLES / f"v{version}" / f"{record.KIND}.json").exists()] == []
    assert list(record.MIGRATIONS) == list(versions[:-1])


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_of_any_version_is_read_and_keeps_its_name(path: Path) -> None:
    body = json.loads(path.read_text())
    assert f"v{body['schema_version']}" == path.parent.name
    record = kinds()[body["kind"]].read(path)
    assert record.provenance.host == "laptop"
    assert record.digest == body["digest"]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_what_it_says_is_kept(path: Path) -> None:
    body = json.loads(path.read_text())
    kind = kinds()[body["kind"]]
    if body["schema_version"] != kind.SCHEMA_VERSION:
        body = kind.read(path).model_dump(mode="json")  # what a migration keeps is for the test of that migration to say
    kept = json.loads(kind.read(path).content())
    missing = [key for key in body if key != "digest" and kept.get(key) != body[key]]
    assert not missing


def test_the_sample_of_a_table_still_predicts() -> None:
    table = LatencyTable.read(SAMPLES / "v1" / "latency-table.json")
    assert table.row(table.rows[0].layer) == table.rows[0].latency_s
    assert table.calibration("p50").scale > 0


def test_a_rating_run_of_version_1_was_of_blocks_that_a_teacher_taught_or_had_no_teacher() -> None:
    taught, alone = (RatingRun.read(SAMPLES / "v1" / f"{name}.json") for name in ("rating-run", "supernet-run"))
    assert (taught.method, alone.method, alone.teacher) == ("dna", "one-shot", None)
    body = json.loads((SAMPLES / "v1" / "rating-run.json").read_text())
    assert taught.teacher is not None
    assert (taught.teacher.file, taught.teacher.digest) == (body["teacher_file"], body["teacher_digest"])


def test_a_refinement_of_version_1_says_that_no_agreement_was_asked_for() -> None:
    old = Refinement.read(SAMPLES / "v1" / "refinement.json")
    assert old.ranked_by == ("divergence", "rating", "parameters")
    assert {(network.temperature, network.agreement) for network in old.networks} == {(None, None)}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_refinement_made_before_version_3_compared_scores(version: str) -> None:
    assert Refinement.read(SAMPLES / version / "refinement.json").divergence_from == "scores"
