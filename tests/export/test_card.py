"""A card says what was asked, predicted and measured, and why something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import binom

from dna_deploy.cli.commands.run import check_promise
from dna_deploy.errors import PromiseError, TableError, UnstableMeasurementError
from dna_deploy.export.cards.card import layer_facts
from dna_deploy.export.cards.card_file import card_path, write_card
from dna_deploy.export.cards.card_text import card_markdown
from dna_deploy.records.model_card import (
    Absent,
    AskedLatency,
    Baseline,
    JudgeParity,
    MeasuredLatency,
    ModelCard,
    Parity,
    PredictedLatency,
)
from dna_deploy.records.score import ACCURACY, share
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from tests.export.made import WHY, card, measurement
from tests.spaces.chains import FASHION, MBCONV


def test_interval_of_an_accuracy_holds_the_shares_that_could_have_given_it() -> None:
    metric = share(ACCURACY, 9_150, 10_000)
    low, high = metric.low, metric.high
    assert low < metric.value < high
    # Each end is a share for which so many hits are a one in forty chance.
    assert binom.sf(9_149, 10_000, low) == pytest.approx(0.025, abs=0.002)
    assert binom.cdf(9_150, 10_000, high) == pytest.approx(0.025, abs=0.002)


def test_card_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    parity = Parity(
        precision="fp32", source="noise", largest_score=3.0, metrics=WHY, absent_judges={"openvino": "not installed"},
        judges=(JudgeParity(judge="onnxruntime", judge_version="1", images=4, max_absolute_error=1e-6,
                            mean_absolute_error=1e-7, same_answers=4, metrics=(share(ACCURACY, 3, 4),)),),
    )  # fmt: skip
    written = card(parity=parity, measured=MeasuredLatency.of(measurement(), "p90"), asked=AskedLatency(latency_s=1e-4))
    record, text = write_card(written, tmp_path)
    assert record == card_path(tmp_path / "model.onnx")
    assert ModelCard.read(record) == written
    assert "openvino was not asked: not installed" in text.read_text()
    record.write_text(record.read_text().replace("40090", "30090"))
    with pytest.raises(TableError, match="digest"):
        ModelCard.read(record)


@pytest.mark.parametrize(("microseconds", "promise"), [(90, "kept"), (110, "missed")])
def test_promise_is_judged_by_the_measured_latency_not_by_the_predicted_one(microseconds: int, promise: str) -> None:
    found = card(
        asked=AskedLatency(latency_s=1e-4, quantile="p90"),
        predicted=PredictedLatency(latency_s=9e-5, relative_error=0.02),
        measured=MeasuredLatency.of(measurement(microseconds=microseconds), "p90"),
    )
    assert found.promise == promise
    assert f"The promise is {promise}" in card_markdown(found)


def test_every_absent_value_says_why_in_the_text() -> None:
    text = card_markdown(card())
    assert text.count("for a reason") >= 6
    assert "None" not in text
    assert card().promise == "not checked"


def test_too_few_samples_give_no_p90() -> None:
    measured = MeasuredLatency.of(measurement(samples=20), "p50")
    assert measured.p90_s == Absent(reason="20 samples are too few")
    with pytest.raises(UnstableMeasurementError):
        MeasuredLatency.of(measurement(samples=20), "p90")


def test_table_of_layers_sums_to_the_published_parameters() -> None:
    layers = layer_facts(MBCONV, MBCONV.parse(PUBLISHED["efficientnet-b0"]))
    assert sum(layer.parameters for layer in layers) == 5_288_548
    assert [layer.place for layer in layers][:4] == ["stem", "stem", "block 1", "block 1"]
    assert layers[-1].place == "head"


def test_baselines_stand_beside_the_network() -> None:
    other = Baseline.of("largest network that fits the budget", FASHION, FASHION.parse("24:k5e6/40:k7e6/80:k7e6"), 9.5e-5)
    rows = [
        line for line in card_markdown(card(baselines=(other,))).splitlines() if "this network" in line or "largest" in line
    ]
    assert len(rows) == 2
    assert "95.0 us" in rows[1]


@pytest.mark.parametrize(("microseconds", "code"), [(90, None), (110, 8)])
def test_a_journey_that_ends_with_a_missed_promise_ends_with_its_exit_code(microseconds: int, code: int | None) -> None:
    found = card(
        asked=AskedLatency(latency_s=1e-4, quantile="p90"),
        measured=MeasuredLatency.of(measurement(microseconds=microseconds), "p90"),
    )
    if code is None:
        check_promise(found)
        return
    with pytest.raises(PromiseError, match=r"the promise is missed: 110\.1% of what was asked") as caught:
        check_promise(found)
    assert caught.value.exit_code == code
    assert caught.value.hint
