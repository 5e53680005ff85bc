"""The baseline that only counts operations."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dna_deploy.spaces.catalog import find_chain
from dna_deploy.statistics.operator_counts import left_one_out, operator_counts
from tests.spaces.chains import TOY as SPACE

FASHION = find_chain("fashion").with_head()

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(30)]


def test_counts_are_those_of_the_layers_at_each_resolution() -> None:
    lines = ("24:k3e1,p1/40:p1/80:p1", "24:p1/40:k3e1,p1/80:p1", "24:p1/32:k3e1,p1/80:p1")
    counts = operator_counts(FASHION, [FASHION.parse(line) for line in lines])
    varying = counts[:, counts.std(0) > 0]
    k3e1_at_7, k3e1_at_14, depth_at_7, depth_at_14, second_width = varying.T
    assert k3e1_at_14.tolist() == [1, 0, 0]
    assert k3e1_at_7.tolist() == [0, 1, 1]
    assert (depth_at_14 - depth_at_14.min()).tolist() == [1, 0, 0]
    assert (depth_at_7 - depth_at_7.min()).tolist() == [0, 1, 1]
    assert second_width.tolist() == [40, 40, 32]


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
    varying = features[:, features.std(0) > 0]
    accuracy = varying[:, 0] - 2 * varying[:, 3]
    assert np.corrcoef(left_one_out(features, accuracy), accuracy)[0, 1] > 0.95
