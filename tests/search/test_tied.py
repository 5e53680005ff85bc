"""Where widths are chosen once for all blocks, the search is exact: against trying everything, and against HiGHS."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.search import Constraint, Latency, Macs, Parameters, pareto_front, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.operations.heads import TokenHead
from dna_deploy.spaces.operations.tokens import FeedForward, Patches, SelfAttention
from dna_deploy.spaces.shapes import FeatureMap
from tests.search.instances import Instance, random_ratings, random_table
from tests.search.test_against_highs import solved_by_highs

MIXERS, FEEDS = (SelfAttention(1), SelfAttention(2)), (FeedForward(1), FeedForward(2))


def tied_space(blocks: int) -> HeadedSpace:
    """Tokens of 8, 12 or 16 channels; a block has one layer of attention and feed-forward, or two."""
    pairs = [(width, depth) for width in (8, 12, 16) for depth in (1, 2)]
    body = Block(1, tuple(Cell(width, (MIXERS, FEEDS) * depth) for width, depth in pairs))
    entry = Block(1, tuple(Cell(width, ((Patches(4),), MIXERS)) for width in (8, 12, 16)))
    head = (FixedLayer(TokenHead("mean"), 3),)
    return ChainSpace("tied", FeatureMap(1, 8, 8), (), (entry, *(body,) * (blocks - 1)), head, is_tied=True).with_head()


def instance_of(seed: int, space: HeadedSpace) -> Instance:
    rng = random.Random(seed)
    return Instance(space, random_ratings(space, rng), (random_table(space, rng, "device-0"),))


def all_that_fit_together(space: HeadedSpace) -> list[Architecture]:
    """Every combination of candidates whose layers can stand behind each other: the space's own count plays no part."""
    networks = []
    for choices in itertools.product(*(block.candidates() for block in space.blocks)):
        if len({choice.width for choice in choices}) == 1:
            networks.append(Architecture.of(choices))
    return networks


def test_a_tied_space_holds_the_networks_of_one_width_and_no_others() -> None:
    space = tied_space(2)
    networks = all_that_fit_together(space)
    assert set(space.architectures()) == set(networks)
    assert len(networks) == space.size() == 3 * 2 * 20
    rng = random.Random(0)
    drawn = [space.sample(rng) for _ in range(60)]
    assert {network.parts[0].partition(":")[0] for network in drawn} == {"8", "12", "16"}
    assert all(space.parse(str(space.mutate(network, rng))) for network in drawn)
    assert set(space.rows()) == {layer for network in networks for layer in space.place(network)}


def test_a_network_of_two_widths_is_refused() -> None:
    with pytest.raises(UsageError, match="width 12 follows 8"):
        tied_space(2).parse("8:patches4,a1/12:a1,f1")


def test_blocks_without_as_many_widths_cannot_be_tied() -> None:
    space = tied_space(2)
    with pytest.raises(UsageError, match="widths to tie"):
        replace(space, blocks=(space.blocks[0], Block(1, (Cell(8, (MIXERS,)),))))


@pytest.mark.parametrize("seed", range(20))
def test_the_best_tied_network_equals_brute_force(seed: int) -> None:
    instance = instance_of(seed, tied_space(2))
    costs = {
        network: (instance.latency(network), sum(layer.macs for layer in instance.space.place(network)))
        for network in all_that_fit_together(instance.space)
    }
    latency, macs = costs[random.Random(seed).choice(list(costs))]
    fitting = [network for network, cost in costs.items() if cost[0] <= latency and cost[1] <= macs]
    limits = [Constraint(Latency("device-0"), at_most=latency), Constraint(Macs(), at_most=macs)]
    outcome = search(instance.space, instance.ratings, instance.tables, limits)
    assert outcome.best.rating == pytest.approx(min(map(instance.rating, fitting)), rel=1e-12)
    assert outcome.proof.gap == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_front_of_a_tied_space_equals_brute_force(seed: int) -> None:
    instance = instance_of(seed, tied_space(2))
    points = sorted(
        (sum(layer.parameters for layer in instance.space.place(network)), instance.rating(network))
        for network in all_that_fit_together(instance.space)
    )
    best, front = math.inf, []
    for parameters, rating in points:
        if rating < best:
            best = rating
            front.append((parameters, rating))
    answer = pareto_front(instance.space, instance.ratings, instance.tables, (Parameters(),))
    assert list(zip(answer.costs[0], answer.ratings, strict=True)) == [pytest.approx(point) for point in front]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_best_vision_transformer_equals_highs(seed: int) -> None:
    vit = find_chain("vit")
    few = tuple(replace(block, cells=tuple(cell for cell in block.cells if cell.depth < 6)) for block in vit.blocks)
    instance = instance_of(seed, replace(vit, blocks=few).with_head())
    latencies = sorted(instance.latency(instance.space.sample(random.Random(number))) for number in range(20))
    budget = latencies[5]
    outcome = search(instance.space, instance.ratings, instance.tables, [Constraint(Latency("device-0"), at_most=budget)])
    assert outcome.best.rating == pytest.approx(solved_by_highs(instance, {Latency("device-0"): budget}), rel=1e-7)
