"""The baseline that only counts operations."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dna_deploy.statistics.operator_counts import left_one_out, operator_counts
from tests.toy import SPACE

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(30)]


def test_counts_are_those_of_the_layers() -> None:
    counts = operator_counts(SPACE, [SPACE.parse("8:k3e1,p1/12:p1/16:p1,k5e2"), SPACE.parse("8:p1/16:p1,p1,p1/16:p1,p1")])
    assert counts.tolist() == [[1, 1, 1, 1, 3, 7, 8, 12, 16], [1, 1, 0, 0, 6, 8, 8, 16, 16]]


def test_a_network_is_predicted_from_all_others() -> None:
    features, accuracy = operator_counts(SPACE, NETWORKS), np.random.default_rng(0).normal(size=30)
    varying = features[:, features.std(0) > 0]
    scaled = np.column_stack([np.ones(30), (varying - varying.mean(0)) / varying.std(0)])
    for left in range(3):
        rest = [other for other in range(30) if other != left]
        penalty = np.diag([0.0, *np.ones(varying.shape[1])])
        fitted = np.linalg.solve(scaled[rest].T @ scaled[rest] + penalty, scaled[rest].T @ accuracy[rest])
        assert left_one_out(features, accuracy)[left] == pytest.approx(float(scaled[left] @ fitted))


def test_accuracy_that_is_counted_is_predicted() -> None:
    features = operator_counts(SPACE, NETWORKS)
    accuracy = features[:, 2] - 2 * features[:, 4]
    assert np.corrcoef(left_one_out(features, accuracy), accuracy)[0, 1] > 0.95
