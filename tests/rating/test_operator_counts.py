"""The baseline that only counts operations."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dna_deploy.spaces.catalog import find_space
from dna_deploy.statistics.operator_counts import left_one_out, operator_counts
from tests.toy import SPACE

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(30)]


def test_counts_are_those_of_the_line() -> None:
    counts = operator_counts([SPACE.parse("8:k3e1,p1/12:p1/16:p1,k5e2"), SPACE.parse("8:p1/16:p1,p1,p1/16:p1,p1")])
    first, second, third = [1, 1, 2, 8], [1, 1, 12], [1, 1, 2, 16]
    assert counts[0].tolist() == [*first, *second, *third]
    assert counts[1].tolist() == [0, 1, 1, 8, 3, 3, 16, 0, 2, 2, 16]


def test_a_network_is_predicted_from_all_others() -> None:
    features, accuracy = operator_counts(NETWORKS), np.random.default_rng(0).normal(size=30)
    varying = features[:, features.std(0) > 0]
    scaled = np.column_stack([np.ones(30), (varying - varying.mean(0)) / varying.std(0)])
    for left in range(3):
        rest = [other for other in range(30) if other != left]
        penalty = np.diag([0.0, *np.ones(varying.shape[1])])
        fitted = np.linalg.solve(scaled[rest].T @ scaled[rest] + penalty, scaled[rest].T @ accuracy[rest])
        assert left_one_out(features, accuracy)[left] == pytest.approx(float(scaled[left] @ fitted))


def test_accuracy_that_is_counted_is_predicted() -> None:
    features = operator_counts(NETWORKS)
    accuracy = features[:, 0] - 2 * features[:, 5]
    assert np.corrcoef(left_one_out(features, accuracy), accuracy)[0, 1] > 0.95


def test_counts_tell_blocks_apart() -> None:
    lines = ("24:k3e1/40:p1/80:p1", "24:p1/40:k3e1/80:p1")
    first, second = operator_counts([find_space("fashion").parse(line) for line in lines])
    assert first.tolist() != second.tolist()
    assert sum(first) == sum(second)
