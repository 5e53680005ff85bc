"""Networks to learn from: even over cost and rating, the same for the same seed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import kendalltau

from dna_deploy.errors import UsageError
from dna_deploy.search.example import RATINGS, SPACE
from dna_deploy.search.spread import spread
from dna_deploy.spaces.architecture import Architecture
from tests.search.instances import random_ratings
from tests.spaces.chains import TOY

TABLE = random_ratings(TOY, random.Random(0), 0.01)


def macs(architecture: Architecture) -> int:
    return sum(layer.macs for layer in TOY.place(architecture))


def test_every_stratum_of_cost_and_of_rating_is_met() -> None:
    chosen = spread(TOY, TABLE, 16)
    costs = [macs(architecture) for architecture in chosen]
    assert costs == sorted(costs)
    assert len(set(chosen)) == 16
    ratings = np.array([TABLE.of(TOY, architecture) for architecture in chosen])
    assert abs(kendalltau(costs, ratings).statistic) < 0.5  # not only good ones, and not good ones where they are costly
    drawn = [TABLE.of(TOY, architecture) for architecture in TOY.architectures()]
    low = np.quantile(drawn, 0.2)
    assert (ratings < low).sum() >= 3  # near the front
    assert (ratings > np.median(drawn)).sum() >= 3


def test_the_seed_decides() -> None:
    assert spread(TOY, TABLE, 8) == spread(TOY, TABLE, 8)
    assert spread(TOY, TABLE, 8) != spread(TOY, TABLE, 8, seed=1)


def test_a_space_that_is_too_small_says_so() -> None:
    with pytest.raises(UsageError, match="offers"):
        spread(SPACE, RATINGS, 10**6)


def test_networks_are_of_the_space_that_was_rated() -> None:
    for architecture in spread(TOY, TABLE, 12):
        TOY.check(architecture)
