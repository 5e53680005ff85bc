"""Calibration: what a handful of trainings may say, and how far it may be believed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import kendalltau, multivariate_normal

from dna_deploy.errors import TableError, UsageError
from dna_deploy.rating.calibration import calibrated
from dna_deploy.rating.calibration.calibrated import CalibratedModel, leave_one_out
from dna_deploy.rating.raters.dna.candidate_features import CandidateFeatures, positions
from dna_deploy.spaces.catalog import find_chain
from tests.search.instances import random_ratings
from tests.spaces.chains import TOY as SPACE

TABLE = random_ratings(SPACE, random.Random(0), 0.01)
FEATURES = CandidateFeatures.of(SPACE, TABLE)
NETWORKS = tuple(dict.fromkeys(SPACE.sample(random.Random(seed)) for seed in range(300)))
CHOSEN = positions(SPACE, NETWORKS)
SUMS = np.array([TABLE.of(SPACE, network) for network in NETWORKS])


def accuracies(rng: np.random.Generator, noise: float, cost: float = 0.0) -> np.ndarray:
    """What networks would reach if accuracy were the sum of ratings, and cost, and chance."""
    design = FEATURES.design(CHOSEN)
    return 0.9 + 0.01 * (design @ FEATURES.sums + cost * design[:, 4] + noise * rng.normal(size=len(CHOSEN)))


def test_features_are_standardised_sums_over_blocks() -> None:
    design = FEATURES.design(CHOSEN)
    everything = FEATURES.design(
        np.array(np.meshgrid(*(np.arange(len(values)) for values in FEATURES.blocks))).reshape(3, -1).T
    )
    assert (everything @ FEATURES.sums).std() == pytest.approx(1)
    assert np.corrcoef(design @ FEATURES.sums, -SUMS)[0, 1] == pytest.approx(1)
    np.testing.assert_allclose(everything[:, 1:].mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(everything[:, 4:].std(0), 1)


def test_the_posterior_is_that_of_the_joint_normal_distribution() -> None:
    """Against scipy: evidence as the density of the accuracies, the mean by conditioning the joint covariance."""
    chosen, setting = CHOSEN[:12], (0.2, 0.5, 0.2, 0.4)
    seen = accuracies(np.random.default_rng(1), 0.5)[:12]
    spread, design = float(seen.std(ddof=1)), FEATURES.design(chosen)
    fit = calibrated._posterior(FEATURES, design, seen, spread, setting)
    marks = (10 * FEATURES.constant, 0.2 * FEATURES.sums, 0.5 * FEATURES.costs, 0.2 * FEATURES.neighbours)
    prior = np.diag((spread * sum(marks)) ** 2) + np.outer(spread * 0.5 * FEATURES.sums, spread * 0.5 * FEATURES.sums)
    expected = seen.mean() * FEATURES.constant + spread * 0.5 * FEATURES.sums
    total = design @ prior @ design.T + (0.4 * spread) ** 2 * np.eye(12)
    density = multivariate_normal(design @ expected, total).logpdf(seen) + 6 * np.log(2 * np.pi)
    assert fit.log_evidence == pytest.approx(density)
    other = FEATURES.design(CHOSEN[12:20])
    wanted = other @ expected + other @ prior @ design.T @ np.linalg.inv(total) @ (seen - design @ expected)
    np.testing.assert_allclose(other @ fit.mean, wanted)


def test_few_trainings_hardly_change_the_order_of_a_sum_that_is_right() -> None:
    seen = accuracies(np.random.default_rng(2), noise=0.3)
    model = CalibratedModel.fit(FEATURES, CHOSEN[:8], seen[:8])
    assert kendalltau(model.predict(CHOSEN).mean, -SUMS).statistic > 0.7


def test_what_the_sum_cannot_know_is_learnt() -> None:
    seen = accuracies(np.random.default_rng(3), noise=0.3, cost=2.0)
    model = CalibratedModel.fit(FEATURES, CHOSEN[:24], seen[:24])
    found = kendalltau(model.predict(CHOSEN[24:]).mean, seen[24:]).statistic
    assert found > kendalltau(-SUMS[24:], seen[24:]).statistic + 0.2


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 16])
def test_intervals_hold_what_they_promise(count: int) -> None:
    covered = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        some = rng.permutation(len(CHOSEN))[:count]
        seen = accuracies(rng, noise=0.7, cost=0.5)[some]
        found = leave_one_out(FEATURES, CHOSEN[some], seen)
        covered += list((found.low <= seen) & (seen <= found.high))
    assert 0.88 <= np.mean(covered) <= 1


def test_the_parts_of_candidates_add_up_to_the_prediction_without_neighbours() -> None:
    seen = accuracies(np.random.default_rng(4), noise=0.3, cost=1.0)
    model = CalibratedModel.fit(FEATURES, CHOSEN[:16], seen[:16])
    parts = model.of_candidates()
    sums = sum(parts[block][0][CHOSEN[:, block]] for block in range(3))
    design = FEATURES.design(CHOSEN) * (1 - FEATURES.neighbours)
    np.testing.assert_allclose(sums, model.weights @ np.array([design @ fit.mean for fit in model.fits]))
    assert all((errors >= 0).all() for _, errors in parts)


def test_too_few_networks_and_equal_accuracies_are_refused() -> None:
    with pytest.raises(UsageError, match="4 trained networks cannot calibrate"):
        CalibratedModel.fit(FEATURES, CHOSEN[:4], np.linspace(0.8, 0.9, 4))
    with pytest.raises(UsageError, match=r"all 8 networks reached 80\.00%"):
        CalibratedModel.fit(FEATURES, CHOSEN[:8], np.full(8, 0.8))


def test_ratings_of_another_space_are_refused() -> None:
    with pytest.raises(TableError):
        CandidateFeatures.of(find_chain("fashion").with_head(), TABLE)
