"""Networks that others have trained are measured here, and stand beside what is published of them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from dna_deploy.cli.json_outputs import output_schema
from dna_deploy.errors import UsageError
from dna_deploy.pipeline import shelf as measuring
from dna_deploy.pipeline.shelf import choose_models, read_published
from dna_deploy.records.model_card import Absent
from dna_deploy.records.shelf import Shelf, ShelfModel, ShelfTime
from tests.cli.made import fails, run

RESULTS = """model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation
large.a,224,80.0,20.0,95.0,5.0,50.0,0.9,bicubic
large.b,224,81.0,19.0,95.0,5.0,50.0,0.9,bicubic
large.b,288,82.0,18.0,95.0,5.0,50.0,0.9,bicubic
small.a,224,70.0,30.0,90.0,10.0,5.0,0.9,bicubic
worse.a,224,69.0,31.0,90.0,10.0,6.0,0.9,bicubic
"""
CALL = ("shelf", "--accuracies", "results.csv")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.csv").write_text(RESULTS)
    monkeypatch.chdir(tmp_path)


def test_the_best_weights_of_an_architecture_and_size_count_and_the_promising_come_first() -> None:
    names = [(row.name, row.image_size) for row in choose_models(read_published(Path("results.csv")), (), 9)]
    assert names == [("small.a", 224), ("large.b", 224), ("large.b", 288), ("worse.a", 224)]


def test_models_are_chosen_by_their_names_and_an_unknown_one_is_refused() -> None:
    rows = read_published(Path("results.csv"))
    assert [row.name for row in choose_models(rows, ("s*", "w*"), 9)] == ["small.a", "worse.a"]
    with pytest.raises(UsageError, match="no model is called 'smal'"):
        choose_models(rows, ("smal",), 9)


def test_a_front_has_what_nothing_faster_is_as_good_as() -> None:
    times = {"a": (1.0, 0.7), "b": (2.0, 0.6), "c": (3.0, 0.8), "d": (3.0, 0.75)}
    models = tuple(_model(name, *values) for name, values in times.items())
    shelf = Shelf.model_construct(
        models=(*models, ShelfModel(name="e", image_size=8, top1=0.9, parameters=1, time=Absent(reason="no")))
    )
    assert [model.name for model, _ in shelf.front] == ["a", "c"]
    within = shelf.best_within(2.5)
    assert within is not None and within[0].name == "a" and shelf.best_within(0.5) is None


def _model(name: str, seconds: float, top1: float) -> ShelfModel:
    return ShelfModel(name=name, image_size=8, top1=top1, parameters=1, time=ShelfTime(latency_s=seconds, standard_error_s=0.0))


def test_what_was_measured_is_not_measured_again_and_what_cannot_be_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def measure(row: measuring.Published, _target: object) -> ShelfModel:
        measured.append(row.name)
        return _model(row.name, row.parameters, row.top1).model_copy(update={"image_size": row.image_size})

    monkeypatch.setattr(measuring, "_measured", measure)
    run(*CALL, "--most", "2")
    body = json.loads(run(*CALL, "--latency", "20s", "--json"))
    jsonschema.validate(body, output_schema("shelf"))
    assert (measured, body["best"]) == (["small.a", "large.b", "large.b", "worse.a"], "small.a")
    assert Shelf.read(Path("shelf.json")).models[0].name == "small.a"


@pytest.mark.slow
def test_a_network_of_timm_is_timed_without_its_weights_and_one_that_it_lacks_is_absent() -> None:
    Path("results.csv").write_text(f"{RESULTS.splitlines()[0]}\ntest_vit.r160_in1k,160,41.0,59,66,34,0.4,0.95,bicubic\n"
                                   "no_such.a,160,42.0,59,66,34,0.3,0.95,bicubic\n")  # fmt: skip
    said = run(*CALL, "--latency", "10s")
    assert "within 10.0 s: test_vit.r160_in1k" in said and "no_such.a at 160: this version of timm has no no_such" in said


def test_a_file_that_is_none_of_timms_is_refused() -> None:
    Path("results.csv").write_text("model,accuracy\nx,1\n")
    assert "has no column 'img_size'" in fails(*CALL).message
    Path("results.csv").write_text(f"{RESULTS.splitlines()[0]}\nx,big,1,1,1,1,1,1,x\n")
    assert "line 2" in fails(*CALL).message
