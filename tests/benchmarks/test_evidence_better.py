"""What is made of ratings and short trainings, on numbers whose answer is known."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from evidence_better import halve  # noqa: E402
from evidence_calibrated import predicted_by_counts  # noqa: E402
from ground_truth import operator_counts  # noqa: E402

from dna_deploy.spaces.catalog import find_space  # noqa: E402

FASHION = find_space("fashion").with_head()


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
    found = predicted_by_counts(FASHION, networks[:40], reached[:40], networks[40:])
    assert kendalltau(found, reached[40:]).statistic > 0.6


def test_counts_tell_blocks_apart() -> None:
    one, other = operator_counts(FASHION, [FASHION.parse(line) for line in ("24:k3e1/40:p1/80:p1", "24:p1/40:k3e1/80:p1")])
    assert one.tolist() != other.tolist()
    assert sum(one) == sum(other)
