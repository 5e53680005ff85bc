"""Networks to learn from: spread evenly over cost, and at every cost over good and bad ratings, the front among them.

The best alone would teach nothing about what makes a network bad, and networks drawn at random are never near the front.
"""

from __future__ import annotations

import random

import numpy as np

from dna_deploy.errors import UsageError
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search.quantities import Macs
from dna_deploy.search.question import pareto_front
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace

_DRAWN = 800


def spread(space: HeadedSpace, ratings: RatingTable, count: int, *, seed: int = 0) -> tuple[Architecture, ...]:
    """A Latin hypercube over two ranks: that of the operations, and among networks of like operations that of the rating.

    Half of the networks that are chosen from are drawn uniformly, half are the exact front and its neighbours.

    Raises:
        UsageError: the space has fewer networks than asked for.
        TableError: the ratings are for another space.
    """
    ratings.check_space(space)
    rng = random.Random(seed)
    pool = list(dict.fromkeys([*_front(space, ratings, rng), *(space.sample(rng) for _ in range(_DRAWN // 2))]))
    if len(pool) < count:
        raise UsageError(f"{count} networks are asked for; {space.name!r} offers {len(pool)}", "ask for fewer")
    by_cost = sorted(pool, key=lambda architecture: sum(layer.macs for layer in space.place(architecture)))
    levels = list(range(count))
    rng.shuffle(levels)
    chosen = []
    for stratum, level in zip(np.array_split(np.arange(len(by_cost)), count), levels, strict=True):
        by_rating = sorted((by_cost[place] for place in stratum), key=lambda architecture: ratings.of(space, architecture))
        chosen.append(by_rating[int((level + 0.5) / count * len(by_rating))])
    return tuple(chosen)


def _front(space: HeadedSpace, ratings: RatingTable, rng: random.Random) -> list[Architecture]:
    """Networks that none beats in rating and operations at once, then neighbours of them."""
    points = pareto_front(space, ratings, (), (Macs(),))
    front = points.architectures
    few = list(front) if len(front) <= _DRAWN // 4 else rng.sample(front, _DRAWN // 4)
    return [*few, *(space.mutate(rng.choice(front), rng) for _ in range(_DRAWN // 2 - len(few)))]
