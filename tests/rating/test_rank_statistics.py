"""Statistics of orders, against textbook values and against cases whose answer is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dna_deploy.errors import UsageError
from dna_deploy.statistics.ranks import (
    bootstrap,
    gain_of_top,
    gain_within,
    rank_report,
    resamples,
    tau,
    tau_among_equals,
    tau_between_seeds,
    tau_given,
    tau_within,
)

RNG = np.random.default_rng(0)
COST = np.exp(RNG.normal(size=200))
QUALITY = RNG.normal(size=200)
ACCURACY = np.log(COST) + 0.5 * QUALITY


def test_tau_counts_ordered_pairs() -> None:
    assert tau(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])) == pytest.approx(4 / 6)


def test_a_score_that_is_cost_alone_knows_nothing_given_cost() -> None:
    assert tau(np.log(COST), ACCURACY) > 0.6
    assert math.isnan(tau_given(np.log(COST), ACCURACY, (COST,)))
    assert abs(tau_given(np.log(COST) + 0.1 * RNG.normal(size=200), ACCURACY, (COST,))) < 0.12


def test_a_score_of_quality_keeps_its_knowledge_given_cost() -> None:
    assert tau_given(QUALITY, ACCURACY, (COST,)) > 0.95
    assert tau(QUALITY, ACCURACY) < 0.5


def test_among_equals_only_pairs_of_close_cost_count() -> None:
    cost = np.array([1.0, 1.05, 2.0, 2.1])
    assert tau_among_equals(np.array([1.0, 2, 9, 8]), np.array([1.0, 2, 3, 4]), cost) == 0
    assert tau_among_equals(np.array([1.0, 2, -8, -7]), np.array([1.0, 2, 3, 4]), cost) == 1
    assert math.isnan(tau_among_equals(np.arange(3.0), np.arange(3.0), np.array([1.0, 2, 4])))


def test_within_groups_only_pairs_of_one_group_count() -> None:
    groups = np.array([0, 0, 1, 1])
    assert tau_within(np.array([1.0, 2, -8, -7]), np.array([1.0, 2, 3, 4]), groups) == 1
    assert tau_within(np.array([1.0, 2, -7, -8]), np.array([1.0, 2, 3, 4]), groups) == 0
    assert math.isnan(tau_within(np.arange(2.0), np.arange(2.0), np.array(["fast", "slow"])))


def test_the_gain_within_groups_is_over_the_mean_of_each() -> None:
    assert gain_within(np.array([2.0, 1, 1, 2]), np.array([0.9, 0.7, 0.5, 0.1]), np.array([0, 0, 1, 1]), 1) == pytest.approx(
        (0.1 - 0.2) / 2
    )


def test_groups_keep_their_size_in_every_resample() -> None:
    groups = np.array([0] * 10 + [1] * 3)
    assert all(groups[of].sum() == 3 and len(of) == 13 for of in resamples(groups))
    estimate = bootstrap(lambda of: float(groups[of].mean()), resamples(groups))
    assert estimate.low == estimate.value == estimate.high == 3 / 13


def test_the_gain_of_the_top_is_over_the_mean_network() -> None:
    assert gain_of_top(np.array([3.0, 2, 1, 0]), np.array([0.9, 0.8, 0.5, 0.6]), 2) == pytest.approx(0.85 - 0.7)


def test_of_networks_that_tie_each_is_as_likely_to_be_among_the_top() -> None:
    accuracy = np.array([0.9, 0.8, 0.5, 0.6])
    assert gain_of_top(np.zeros(4), accuracy, 2) == pytest.approx(0)
    assert gain_of_top(np.array([1.0, 2, 1, 1]), accuracy, 2) == pytest.approx((0.8 + (0.9 + 0.5 + 0.6) / 3) / 2 - 0.7)


def test_the_noise_ceiling_is_the_agreement_of_seeds() -> None:
    assert tau_between_seeds(np.column_stack([np.arange(9.0), np.arange(9.0)])) == 1
    assert math.isnan(tau_between_seeds(np.arange(9.0)[:, None]))


@pytest.mark.slow
def test_intervals_hold_the_value_and_shrink_with_networks() -> None:
    few, many = (rank_report("quality", QUALITY[:n], ACCURACY[:n], (COST[:n],)).tau for n in (20, 200))
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="4 networks cannot be ranked"):
        rank_report("any", QUALITY[:4], ACCURACY[:4], (COST[:4],))
