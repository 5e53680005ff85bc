"""What the evidence concludes from numbers, on numbers whose answer is known."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from benchmarks.rating.bench import Bench
from benchmarks.rating.drawing import PLANS, WIDTH, draw_bands, far_apart
from benchmarks.rating.experiments import COMPARISONS, EXPERIMENTS, Experiment
from benchmarks.rating.judge import TABLE, Row, Truth, rank_average
from benchmarks.rating.orders import CONTROLS, Order, imitation, orders_of_control, orders_of_trained
from benchmarks.rating.raters.block_wise import SURE, made_sure
from benchmarks.rating.report import judged
from benchmarks.rating.run import RATERS, rater_of
from benchmarks.rating.scores import FOLDER, RunScores, is_done, keep, read_scores
from benchmarks.rating.teachers import Permuted
from benchmarks.rating.trainings import describe, spread_over_bands
from benchmarks.rating.truth import TRUTHS, GroundTruth
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.rating.raters.dna.stitched import StitchedScores
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.statistics.ranks import bootstrap, resamples
from tests.toy import SPACE, toy_data

FASHION = find_chain("fashion").with_head()


def test_every_experiment_names_a_rater_that_exists_and_every_comparison_an_experiment() -> None:
    assert {experiment.rater for experiment in EXPERIMENTS.values()} == RATERS.keys()
    for experiment in EXPERIMENTS.values():
        assert callable(rater_of(experiment))
        assert experiment.imitated is None or EXPERIMENTS[experiment.imitated].is_control
    names = {name for row in COMPARISONS for name in (row.first, *row.others) if ": " in name}
    assert {name.partition(":")[0] for name in names} <= EXPERIMENTS.keys()


def test_a_rater_of_the_product_takes_a_row_and_no_code(tmp_path: Path) -> None:
    experiment = Experiment(name="x", rater="product", method="one-shot", seeds=(0,), epochs=1, batch=32)
    networks = tuple(SPACE.sample(random.Random(seed)) for seed in range(4))
    listed = SimpleNamespace(search_space=SPACE, architectures=networks)
    scores = rater_of(experiment)(Bench(experiment, listed, toy_data(), 0, tmp_path))  # type: ignore[arg-type]
    assert scores.keys() == {"accuracy", "minus loss"}  # the names under which the raw files keep them
    assert {len(values) for values in scores.values()} == {len(networks)}
    assert max(scores["minus loss"]) < 0 <= min(scores["accuracy"])


def test_a_misspelt_column_of_an_experiment_is_refused() -> None:
    with pytest.raises(ValidationError, match="epoch"):
        Experiment.model_validate({"name": "x", "rater": "blocks", "seeds": [0], "epoch": 3})


def test_scores_that_are_kept_are_read_again_to_the_last_bit_and_added_to(tmp_path: Path) -> None:
    first = RunScores("dna", "a", 0, 1.5, 0.75, {"block sum": (0.1, 1 / 3, -2e-17), "stitched": (1.0, 2.0, 3.0)})
    second = RunScores("dna", "a", 1, 2.5, None, {"block sum": (3.0, 2.0, 1.0)})
    other = RunScores("dna", "b", 0, 3.5, None, {"block sum": (5.0,)})
    for run in (first, other, second):
        keep(run, tmp_path)
    assert read_scores("a", ["dna", "spos"], tmp_path) == [first, second]
    assert is_done(("dna", "b", 0), tmp_path)
    assert not is_done(("dna", "b", 1), tmp_path)


def test_scores_of_a_run_that_was_killed_before_its_last_row_do_not_count(tmp_path: Path) -> None:
    run = RunScores("dna", "a", 0, 1.5, None, {"block sum": (0.1, 0.2)})
    keep(run, tmp_path)
    lines = (tmp_path / "runs.csv").read_text().splitlines(keepends=True)
    (tmp_path / "runs.csv").write_text(lines[0])
    assert read_scores("a", ["dna"], tmp_path) == []
    keep(run, tmp_path)
    assert read_scores("a", ["dna"], tmp_path) == [run]


def test_every_committed_run_has_a_score_for_every_network() -> None:
    with (FOLDER / "runs.csv").open(newline="") as lines:
        committed = {(row["experiment"], row["list"], int(row["seed"])) for row in csv.DictReader(lines)}
    assert len(committed) == 247
    for name, truth in TRUTHS.items():
        runs = read_scores(name, list(EXPERIMENTS))
        assert {run.key for run in runs} == {key for key in committed if key[1] == name}
        assert {len(scores) for run in runs for scores in run.scores.values()} == {len(truth.listed.networks)}


def test_ranks_are_averaged_for_each_seed() -> None:
    first, second = np.array([[1.0, 2, 3], [3, 2, 1]]), np.array([[10.0, 20, 30], [10, 20, 30]])
    assert rank_average(first, second).tolist() == [[1, 2, 3], [2, 2, 2]]


def test_a_row_is_the_mean_over_its_seeds() -> None:
    row = Row("any", np.array([[1.0, 2, 3], [3, 2, 1]]))
    assert row.mean_over_seeds(lambda score, of: score[0] + of[0])(np.array([2, 1, 0])) == 4


def test_spread_is_told_from_noise() -> None:
    rng = np.random.default_rng(0)
    accuracy = rng.normal(0.7, 0.02, (5000, 1)) + rng.normal(0, 0.005, (5000, 2))
    *_, spread, noise, ratio, ceiling = describe(accuracy)
    assert [float(shown.rstrip("%")) for shown in (spread, noise, ratio)] == pytest.approx([2, 0.5, 4], rel=0.05)
    assert 0.7 < float(ceiling) < 0.9


def test_networks_drawn_for_a_band_are_predicted_to_be_in_it() -> None:
    table = LatencyTable.read(TABLE)
    plan = PLANS["a"]
    for middle, halves in zip(plan.bands_s, draw_bands(FASHION, table, plan), strict=True):
        latencies = [table.predict(FASHION, network).seconds for half in halves for network in half]
        assert all(abs(latency / middle - 1) <= WIDTH for latency in latencies)


def test_networks_far_apart_are_the_corners_before_the_middle() -> None:
    rng = random.Random(1)
    networks = [FASHION.sample(rng) for _ in range(40)]
    chosen = far_apart(FASHION, networks, 10)
    assert chosen[0] == networks[0]
    assert len(set(chosen)) == 10
    assert far_apart(FASHION, networks, 5) == chosen[:5]
    assert sorted(map(str, far_apart(FASHION, networks, 99))) == sorted(map(str, networks))


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
def test_a_frozen_list_is_in_its_bands_and_its_trainings_belong_to_it(truth: GroundTruth) -> None:
    listed = truth.listed
    assert len(set(listed.architectures)) == len(listed.networks) >= 48
    for band in range(3):
        measured = [network.measured_s for network in listed.networks if network.band == band]
        assert len(measured) >= 16
        assert max(measured) / min(measured) <= (1 + WIDTH) / (1 - WIDTH)
    assert truth.trainings.keys() == {(number, seed) for number in range(len(listed.networks)) for seed in listed.seeds}


def test_no_list_has_a_network_of_another() -> None:
    every = [architecture for truth in TRUTHS.values() for architecture in truth.listed.architectures]
    assert len(set(every)) == len(every) == 48 + 72 + 72


def test_bands_grow_evenly() -> None:
    listed = TRUTHS["a"].listed
    assert [listed.bands[number] for number in spread_over_bands(listed)[:6]] == [0, 1, 2, 0, 1, 2]


def test_permuted_features_belong_to_other_images_block_by_block() -> None:
    config = ResidualConfig(in_channels=1, stem_width=16, stem_stride=1, widths=(16, 16), strides=(2, 2), depth=1, classes=3)
    network = ResidualNetwork(config).eval()
    images = torch.randn(4, 1, 8, 8)
    plain, permuted = network.features(images), Permuted(network).features(images)
    assert torch.equal(permuted[0][1], plain[0][0])
    assert torch.equal(permuted[1][2], plain[1][0])


def test_paths_of_a_step_are_the_same_every_time_and_of_every_depth() -> None:
    drawn = [UniformNetworks(FASHION, 0, ("chain",)).draw(step) for step in range(60)]
    assert drawn == [UniformNetworks(FASHION, 0, ("chain",)).draw(step) for step in range(60)]
    assert {len(one.parts[0].split(",")) for one in drawn} == {1, 2, 3}
    assert random.Random(0).random() == pytest.approx(0.8444218515250481)  # the draw of the list rests on this generator


@pytest.mark.parametrize("name", TRUTHS)
def test_the_stitched_rating_orders_nothing_where_there_is_nothing_to_know(name: str) -> None:
    """Of the committed scores: no control has an order, every trained teacher tells the networks apart."""
    runs = read_scores(name, list(EXPERIMENTS))
    orders = {(run.experiment, run.seed): len(set(run.scores["stitched"])) for run in runs if "known" in run.scores}
    controls = {key for key in orders if key[0] in CONTROLS}
    assert len(controls) == 42
    assert {orders[key] for key in controls} == {1}
    assert min(orders[key] for key in orders.keys() - controls) >= 48


@pytest.mark.parametrize("name", TRUTHS)
def test_what_whole_networks_add_to_the_block_sum_is_what_the_teacher_has_learnt(name: str) -> None:
    """Of the committed scores, whatever line is drawn for what counts as knowledge: random teachers of the kind that teaches by
    default add nothing in the mean over teachers, the trained one does, also beyond the order of those who imitate well.
    """
    judge, _, rows = judged(name)
    drawn = resamples(judge.listed.bands)[:200]
    trained, control = "dna-largest-teacher-small-batches", "random-largest-teacher-small-batches"
    plain, beyond = orders_of_trained(judge, rows, trained, "stitched")
    _, of_random = orders_of_control(judge, rows, control, "made sure")
    assert len(of_random.scores) == 18
    imitated = Order(judge, plain.scores, (np.tile(imitation(rows, control), (len(plain.scores), 1)),))
    learnt, random_order, given_imitation = (bootstrap(order.drawn_tau(), drawn) for order in (beyond, of_random, imitated))
    assert random_order.low < 0
    assert learnt.value > max(random_order.high, 2 * random_order.value)
    assert given_imitation.low > 0


def test_intervals_of_random_teachers_are_over_teachers_and_networks() -> None:
    """Two teachers of which one says the truth and one its opposite: half of all resamples have one of them alone."""
    judge = Truth.read(TRUTHS["a"])
    opposite = np.stack([judge.accuracy, -judge.accuracy])
    drawn = resamples(judge.listed.bands)[:200]
    one, both = (bootstrap(Order(judge, opposite, are_teachers=are).drawn_tau(), drawn) for are in (False, True))
    assert one.value == both.value == pytest.approx(0, abs=1e-9)
    assert one.high < 0.1
    assert (both.low, both.high) == (pytest.approx(-1, abs=0.1), pytest.approx(1, abs=0.1))


def test_scores_that_are_made_sure_keep_the_order_of_classes() -> None:
    torch.manual_seed(0)
    unsure = 0.1 * torch.randn(200, 4)
    unsure -= unsure.mean(0)
    made = made_sure(StitchedScores({}, unsure, None)).teacher
    assert float(made.std(0).mean()) == pytest.approx(SURE, rel=1e-5)
    assert torch.equal(made.argmax(1), unsure.argmax(1))
