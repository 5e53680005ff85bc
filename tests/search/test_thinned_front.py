"""A front too large to hold is thinned, and tells by how much."""

from __future__ import annotations

import random

from dna_deploy.search import Latency
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.front import trade_off
from dna_deploy.spaces.catalog import find_chain
from tests.search.instances import random_ratings, random_table


def test_every_point_of_the_exact_front_has_a_thinned_one_within_epsilon() -> None:
    space, rng = find_chain("fashion").with_head(), random.Random(0)
    axes = (Latency("a"), Latency("b"))
    tables = [random_table(space, rng, "a"), random_table(space, rng, "b")]
    model = CostModel.build(space, random_ratings(space, rng), tables, axes)
    exact, thinned = trade_off(model, axes, ()), trade_off(model, axes, (), most_labels=40)
    assert exact.epsilon == 0
    assert 0 < thinned.epsilon < 1
    assert len(thinned.ratings) < len(exact.ratings)
    for rating, costs in zip(exact.ratings, exact.costs.T, strict=True):
        near = (thinned.ratings <= rating + 1e-12) & (thinned.costs <= costs[:, None] * (1 + thinned.epsilon) + 1e-12).all(
            axis=0
        )
        assert near.any()
