"""Files of every schema version stay readable: a sample of every kind, as it was once written, is read by today's code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.stats import binomtest

from dna_deploy.records.files import Record, _body_digest
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import ModelCard, Parity
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.refinement import Refinement
from dna_deploy.records.training_history import TrainingHistory
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


def accuracies(body: object) -> list[tuple[int, int]]:
    """Every accuracy that a file of version 1 holds, in order, as right answers and images."""
    if isinstance(body, dict) and {"correct", "images"} == body.keys():
        return [(body["correct"], body["images"])]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [pair for part in parts for pair in accuracies(part)]


def metrics(body: object) -> list[tuple[int, int]]:
    """The same of the metrics that today's records hold; each must be an accuracy with its interval."""
    if isinstance(body, dict) and "count" in body:
        assert (body["name"], body["better"], body["unit"]) == ("accuracy", "higher", "%")
        interval = binomtest(body["count"], body["images"]).proportion_ci(0.95, method="wilson")
        assert (body["low"], body["high"]) == pytest.approx((interval.low, interval.high))
        assert body["value"] == body["count"] / body["images"]
        return [(body["count"], body["images"])]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [pair for part in parts for pair in metrics(part)]


MEASURED = ("lineage", "model-card", "rating-calibration", "short-training", "trained-network", "training-history")


@pytest.mark.parametrize("kind", MEASURED)
def test_accuracies_of_version_1_are_metrics_of_that_name(kind: str) -> None:
    path = SAMPLES / "v1" / f"{kind}.json"
    known = accuracies(json.loads(path.read_text()))
    assert known or kind == "training-history"
    assert sorted(metrics(kinds()[kind].read(path).model_dump(mode="json"))) == sorted(known)


def test_a_card_of_version_1_keeps_how_many_answers_were_the_same() -> None:
    path = SAMPLES / "v1" / "model-card.json"
    before = [judge["same_top1"] for judge in json.loads(path.read_text())["parity"]["judges"]]
    parity = ModelCard.read(path).parity
    assert isinstance(parity, Parity)
    assert [judge.same_answers for judge in parity.judges] == before


def test_scores_of_a_training_of_version_1_are_kept_epoch_by_epoch() -> None:
    body = json.loads((SAMPLES / "v1" / "training-history.json").read_text())
    del body["digest"]
    body["scores"] = [
        {"epoch": epoch, "accuracy": {"correct": right, "images": 20}} for epoch, right in ((1, 9), (2, 12), (3, 12))
    ]
    history = TrainingHistory.parse(json.dumps({"digest": _body_digest(body), **body}).encode(), "a history")
    assert [(score.epoch, score.metrics[0].count) for score in history.scores] == [(1, 9), (2, 12), (3, 12)]
    assert history.best == history.scores[1]


@pytest.mark.parametrize(("method", "name"), [("dna", "rating"), ("calibrated dna", "predicted accuracy")])
def test_a_rating_table_of_version_1_says_by_its_method_what_it_stands_for(method: str, name: str) -> None:
    body = json.loads((SAMPLES / "v1" / "rating-table.json").read_text())
    del body["digest"]
    body["method"] = method
    table = RatingTable.parse(json.dumps({"digest": _body_digest(body), **body}).encode(), "a table")
    assert table.score.name == name
    assert table.score.of_rating(25.0) == (25.0 if method == "dna" else 0.75)
