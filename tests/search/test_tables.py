"""What a search makes of a latency table that speaks of layers alone, since too few whole networks could be timed."""

from __future__ import annotations

import random

from dna_deploy.search import Constraint, Macs, search, search_black_box
from tests.search.instances import random_ratings, random_table
from tests.spaces.chains import TINY

TABLE = random_table(TINY, random.Random(0)).model_copy(update={"calibrations": ()})


def test_a_table_without_calibrations_stops_no_search_by_other_costs() -> None:
    ratings = random_ratings(TINY, random.Random(0))
    within = [Constraint(Macs(), at_most=1e9)]
    exact = search(TINY, ratings, [TABLE], within)
    drawn = search_black_box(
        TINY, lambda network: ratings.of(TINY, network), [TABLE], within, evaluations=40, strategy="ageing"
    )
    assert exact.best.architecture == drawn.best.architecture
