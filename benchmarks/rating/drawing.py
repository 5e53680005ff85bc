"""How the networks of a list are drawn: in narrow bands of predicted latency, of every depth, far apart in what they count.

Networks are drawn so that their depths are equally likely and a band holds shallow and deep ones, some with an operation a
layer, some with one operation a block. Those that the committed latency table puts near a band are candidates. The first list
takes the first of them; the others take none of an older list's, and of the rest those farthest apart in the operations they
count.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import BlockChoice
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.statistics.operator_counts import operator_counts
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.training.recipe import Recipe

WIDTH = 0.05
"""How far from the middle of its band a network may be, relative."""


@dataclass(frozen=True)
class Plan:
    """How a list is made."""

    bands_s: tuple[float, ...]
    recipe: Recipe
    drawn: int
    """Of each way to draw, for each band."""

    kept: int
    """Of these, at the most."""

    sampling: SamplingPlan
    draw_seed: int = 2
    """Of a list that is drawn far apart."""


PLANS = {
    "a": Plan((50e-6, 68e-6, 90e-6), Recipe(epochs=6, batch=64, learning_rate=6e-3), 14, 8, SamplingPlan(rounds=600)),
    "b": Plan(
        (49e-6, 54e-6, 59.5e-6), Recipe(epochs=6, batch=64, learning_rate=6e-3), 48, 24, SamplingPlan(rounds=300, steady=True)
    ),
}
PLANS["c"] = replace(PLANS["b"], draw_seed=3)


def draw_mixed(space: ChainSpace, rng: random.Random) -> Architecture:
    """A network: for each block a cell, all equally likely, then an operation a layer."""
    return space.sample_cells_evenly(rng)


def draw_plain(space: ChainSpace, rng: random.Random) -> Architecture:
    """A network with one operation a block."""
    cells = [rng.choice(block.cells) for block in space.blocks]
    return Architecture.of(BlockChoice(cell.width, (rng.choice(cell.layers[0]),) * cell.depth) for cell in cells)


def draw_bands(space: ChainSpace, table: LatencyTable, plan: Plan) -> list[list[list[Architecture]]]:
    """For each band, for each way to draw, the first networks whose predicted latency is near the band's middle."""
    halves = [_draw_half(space, table, plan, draw, seed) for seed, draw in enumerate((draw_mixed, draw_plain))]
    return [list(band) for band in zip(*halves, strict=True)]


def _draw_half(
    space: ChainSpace, table: LatencyTable, plan: Plan, draw: Callable[[ChainSpace, random.Random], Architecture], seed: int
) -> list[list[Architecture]]:
    rng, bands, wanted = random.Random(seed), [dict[Architecture, None]() for _ in plan.bands_s], plan.drawn
    while any(len(band) < wanted for band in bands):
        architecture = draw(space, rng)
        latency = table.predict(space, architecture).seconds
        for middle, band in zip(plan.bands_s, bands, strict=True):
            if abs(latency / middle - 1) <= WIDTH / 2 and len(band) < wanted:
                band.setdefault(architecture)
    return [list(band) for band in bands]


def draw_far_apart(
    space: ChainSpace, table: LatencyTable, plan: Plan, known: Collection[Architecture]
) -> list[list[list[Architecture]]]:
    """For each band, of many networks that are not known, those that count their operations most differently."""
    rng = random.Random(plan.draw_seed)
    many = [draw(space, rng) for draw, count in ((draw_mixed, 60_000), (draw_plain, 20_000)) for _ in range(count)]
    fresh = dict.fromkeys(one for one in many if one not in known)
    latencies = {architecture: table.predict(space, architecture).seconds for architecture in fresh}
    return [
        [far_apart(space, [one for one, latency in latencies.items() if abs(latency / middle - 1) <= WIDTH], plan.drawn)]
        for middle in plan.bands_s
    ]


def far_apart(space: ChainSpace, networks: Sequence[Architecture], count: int) -> list[Architecture]:
    """Begins with the first network, and takes again and again the one farthest from all taken (Gonzalez 1985)."""
    features = operator_counts(space, networks)
    spread = features.std(0)
    features = features[:, spread > 0] / spread[spread > 0]
    taken, distance = [0], ((features - features[0]) ** 2).sum(1)
    while len(taken) < min(count, len(networks)):
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, ((features - features[taken[-1]]) ** 2).sum(1))
    return [networks[number] for number in taken]
