"""What the benchmark on published accuracies concludes: from numbers made up here, in the form of the published files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.nats.judge import Merit, baselines, chance, orders, regrets, shown
from benchmarks.nats.made_up import NOISE, write_truth
from benchmarks.nats.pruning import LEFT, by_accuracy, by_chance
from benchmarks.nats.truth import SPACE, Truth
from dna_deploy.records.latency_table import LatencyRow, LatencyTable
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.search.example import RATINGS, TABLE
from dna_deploy.spaces.catalog.nats_size import WIDTHS, of_widths
from dna_deploy.spaces.heads import head_of

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Accuracies of `benchmarks.nats.made_up`; latencies that follow MACs and widths."""
    folder = tmp_path_factory.mktemp("truth")
    write_truth(folder)
    return Truth.read(folder, made_up_table())


def made_up_table() -> LatencyTable:
    latencies = [(layer.key, 1e-6 + 1e-11 * layer.macs + 1e-8 * layer.out_channels) for layer in SPACE.rows()]
    rows = tuple(LatencyRow(layer=key, latency_s=value, standard_error_s=1e-9, samples=60) for key, value in latencies)
    facts = {"space": SPACE.name, "space_digest": SPACE.digest, "head": head_of(SPACE), "rows": rows}
    return LatencyTable.model_validate({**TABLE.model_dump(), **facts})


def made_up_ratings() -> RatingTable:
    blocks = tuple(
        BlockRatings.of(SPACE, index, RNG.normal(size=count).tolist(), [0.0] * count)
        for index, count in enumerate(SPACE.index.counts)
    )
    return RatingTable.model_validate(
        {**RATINGS.model_dump(), "space": SPACE.name, "space_digest": SPACE.digest, "blocks": blocks}
    )


def test_every_number_belongs_to_its_network(truth: Truth) -> None:
    table, positions = truth.table, [0, 1, 8, 4095, 12_345, 32_767]
    for position, network in zip(positions, truth.networks(positions), strict=True):
        widths = tuple(map(int, truth.widths[position]))
        numbers = tuple(WIDTHS.index(width) for width in widths)
        assert network == of_widths(*widths)
        assert truth.position(network) == position
        assert truth.accuracy[position] == pytest.approx(80 + widths[3] / 10 + NOISE[numbers])
        assert truth.published[position] == 3 + sum(numbers)
        layers = SPACE.place(network)
        assert truth.costs[0][position] == sum(layer.macs for layer in layers)
        assert truth.costs[1][position] == sum(layer.parameters for layer in layers)
        assert truth.costs[2][position] == pytest.approx(table.predict(SPACE, network).seconds)


def test_a_truth_with_a_gap_is_refused(truth: Truth, tmp_path: Path) -> None:
    (tmp_path / "size_cifar10.csv").write_text("widths,accuracy_percent\n8:8:8:8:8,80\n")
    (tmp_path / "size_bossnas_ratings.csv").write_text("block,width_numbers,rating\n0,00,1\n")
    with pytest.raises(SystemExit, match="do not speak of every network"):
        Truth.read(tmp_path, truth.table)


def test_who_knows_the_accuracy_loses_nothing_at_any_budget(truth: Truth) -> None:
    assert len(truth.budgets) == 20
    assert (np.diff(truth.budgets) >= 0).all()
    lost = regrets(truth, Merit("truth", truth.accuracy))
    assert (lost[:, 0] == 0).all()
    assert (lost[:, 1] < 0).all()
    assert orders(truth, Merit("truth", truth.accuracy)) == pytest.approx((1, 1, 1, 1))
    assert orders(truth, Merit("wrong", -truth.accuracy))[0] == pytest.approx(-1)
    assert regrets(truth, Merit("wrong", -truth.accuracy))[:, 0].mean() < chance(truth) < 0


def test_the_exact_search_picks_what_trying_all_networks_would(truth: Truth) -> None:
    merit = Merit.of_table("made up", made_up_ratings(), truth)
    np.testing.assert_allclose(regrets(truth, merit), regrets(truth, replace(merit, table=None)))


def test_what_a_second_stage_picks_is_judged_at_its_budget(truth: Truth) -> None:
    within = [np.flatnonzero(truth.costs[2] <= budget) for budget in truth.budgets]
    best = tuple(some[np.argsort(-truth.accuracy[some])] for some in within)
    second = Merit("second", np.empty(0), picks=best)
    np.testing.assert_array_equal(regrets(truth, second), regrets(truth, Merit("truth", truth.accuracy)))
    swapped = replace(second, picks=(best[0][::-1], *best[1:]))
    assert regrets(truth, swapped)[0, 0] == truth.accuracy[best[0][-1]] - truth.accuracy[best[0][0]]
    cells = [cell.strip() for cell in shown(truth, [second]).splitlines()[-2].split("|")]
    assert cells[1:7] == ["second", "-", "-", "-", "-", "-"]


def test_all_ratings_are_shown_beside_costs(truth: Truth) -> None:
    drawn = np.arange(0, 32_768, 400)
    text = shown(truth, [*baselines(truth)[:1], Merit("a few", truth.accuracy[drawn], drawn)])
    few = next(line for line in text.splitlines() if "a few" in line)
    assert few.split("|")[2:4] == [" 82         ", " +1.000 "]
    assert few.split("|")[7].strip() == "-"


def test_pruning_by_accuracy_leaves_what_makes_networks_right(truth: Truth) -> None:
    by_rule, by_luck = by_accuracy(truth, 0.0, 0), [by_chance(truth, seed) for seed in range(20)]
    assert len(by_rule) == len(by_luck[0]) == LEFT ** len(SPACE.block_numbers)
    assert set(truth.widths[by_rule][:, 3]) <= {56.0, 64.0}  # the made-up accuracies rise with the fourth width alone
    assert truth.accuracy[by_rule].mean() > truth.accuracy[np.concatenate(by_luck)].mean() + 1
