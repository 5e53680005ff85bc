"""What is made of ratings and short trainings, on numbers whose answer is known."""

from __future__ import annotations

import random

import numpy as np
from scipy.stats import kendalltau

from benchmarks.rating.mends import halve
from benchmarks.rating.raters.short_trainings import predicted_by_counts
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.statistics.operator_counts import operator_counts

FASHION = find_chain("fashion").with_head()


def test_a_shortlist_is_chosen_by_the_first_rating_and_ordered_by_the_second() -> None:
    first, second = np.array([4.0, 3, 2, 1, 4, 3, 2, 1]), np.array([1.0, 2, 9, 9, 2, 1, 9, 9])
    score = halve(first, second, np.array([0, 0, 0, 0, 1, 1, 1, 1]), size=2)
    assert np.argsort(-score[:4]).tolist() == [1, 0, 2, 3]
    assert np.argsort(-score[4:]).tolist() == [0, 1, 2, 3]


def test_operator_counts_predict_what_depends_on_them() -> None:
    rng = random.Random(0)
    networks = [FASHION.sample(rng) for _ in range(60)]
    features = operator_counts(FASHION, networks)
    reached = features @ np.random.default_rng(0).normal(size=features.shape[1])
    predicted = predicted_by_counts(FASHION, networks[:40], reached[:40], networks[40:])
    assert kendalltau(predicted, reached[40:]).statistic > 0.6
