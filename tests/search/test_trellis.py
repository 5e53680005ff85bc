"""Where cells stand only behind some scales, the search is exact: against trying everything, and against HiGHS."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest

from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.search import Constraint, Latency, Macs, Parameters, pareto_front, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.operations import Conv
from tests.search.instances import Instance, random_ratings, random_table
from tests.search.test_against_highs import solved_by_highs
from tests.spaces.chains import TRELLIS

SPACE = TRELLIS.with_head()


def instance_of(seed: int, space: HeadedSpace) -> Instance:
    rng = random.Random(seed)
    return Instance(space, random_ratings(space, rng), (random_table(space, rng, "device-0"),))


def all_that_fit_together(space: HeadedSpace) -> list[Architecture]:
    """Every combination of candidates of which each halves the scale before it or keeps it, by the widths they name."""
    scales, networks = (8, 16, 32), []
    for choices in itertools.product(*(block.candidates() for block in space.blocks)):
        widths = [8, *itertools.chain.from_iterable(choice.widths for choice in choices)]
        steps = [scales.index(after) - scales.index(before) for before, after in itertools.pairwise(widths)]
        entries = [choices[number].width == after.entry for number, after in enumerate(choices[1:])]
        if set(steps) <= {0, 1} and all(entries):
            networks.append(Architecture.of(choices))
    return networks


NETWORKS = all_that_fit_together(SPACE)


def test_a_trellis_holds_the_networks_whose_scales_follow_each_other_and_no_others() -> None:
    assert set(SPACE.architectures()) == set(NETWORKS)
    assert len(NETWORKS) == SPACE.size()
    rng = random.Random(0)
    drawn = {SPACE.sample(rng) for _ in range(300)}
    assert drawn <= set(NETWORKS)
    assert len(drawn) > len(NETWORKS) / 2
    assert {SPACE.mutate(network, rng) for network in drawn} | {SPACE.sample_cells_evenly(rng)} <= set(NETWORKS)
    assert set(SPACE.rows()) == {layer for network in NETWORKS for layer in SPACE.place(network)}


def test_every_network_ends_at_the_coarsest_scale_whatever_its_path() -> None:
    for network in NETWORKS:
        outputs = [layer.output.extent for layer in SPACE.place(network)[:-1]]
        assert outputs[-1] == (3, 3)
        assert all(after in {before, (before[0] // 2,) * 2} for before, after in itertools.pairwise(outputs))


@pytest.mark.parametrize("seed", range(10))
def test_the_best_of_a_trellis_equals_brute_force(seed: int) -> None:
    instance = instance_of(seed, SPACE)
    costs = {network: (instance.latency(network), sum(layer.macs for layer in SPACE.place(network))) for network in NETWORKS}
    latency, macs = costs[random.Random(seed).choice(NETWORKS)]
    fitting = [network for network, cost in costs.items() if cost[0] <= latency and cost[1] <= macs]
    limits = [Constraint(Latency("device-0"), at_most=latency), Constraint(Macs(), at_most=macs)]
    outcome = search(SPACE, instance.ratings, instance.tables, limits)
    assert outcome.best.rating == pytest.approx(min(map(instance.rating, fitting)), rel=1e-12)
    assert outcome.proof.gap == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_front_of_a_trellis_equals_brute_force(seed: int) -> None:
    instance = instance_of(seed, SPACE)
    points = sorted((sum(layer.parameters for layer in SPACE.place(network)), instance.rating(network)) for network in NETWORKS)
    best, front = math.inf, []
    for parameters, rating in points:
        if rating < best:
            best = rating
            front.append((parameters, rating))
    answer = pareto_front(SPACE, instance.ratings, instance.tables, (Parameters(),))
    assert list(zip(answer.costs[0], answer.ratings, strict=True)) == [pytest.approx(point) for point in front]


@pytest.mark.parametrize("name", ["hytra-small", "hytra"])
def test_the_best_of_the_hybrid_trellis_equals_highs(name: str) -> None:
    space = find_chain(name).with_head()
    instance = instance_of(1, space)
    latencies = sorted(instance.latency(space.sample(random.Random(number))) for number in range(20))
    budget = latencies[5]
    outcome = search(instance.space, instance.ratings, instance.tables, [Constraint(Latency("device-0"), at_most=budget)])
    assert outcome.best.rating == pytest.approx(solved_by_highs(instance, {Latency("device-0"): budget}), rel=1e-7)


def test_what_no_path_keeps_is_infeasible_and_names_the_fastest() -> None:
    instance = instance_of(0, SPACE)
    fastest = min(map(instance.latency, NETWORKS))
    with pytest.raises(InfeasibleError) as caught:
        search(SPACE, instance.ratings, instance.tables, [Constraint(Latency("device-0"), at_most=0.9 * fastest)])
    assert "fastest" in f"{caught.value.message} {caught.value.hint}"


def test_a_cell_behind_another_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="width 32 follows 8") as caught:
        SPACE.parse("8-8:conv,conv/16~32-32:conv,conv")
    assert "stands behind 16 only" in caught.value.hint


def test_a_trellis_without_a_path_is_refused() -> None:
    first, _ = SPACE.blocks
    alone = Block(1, (Cell(16, ((Conv(3),),), entry=64, strides=(1,)),))
    with pytest.raises(UsageError, match=r"cell 64~16x1 of block 2 .* stands behind width 64 only; block 1 emits 8, 16, 32"):
        replace(SPACE, blocks=(first, alone))
    either = Block(1, (Cell(8, ((Conv(3),),)), Cell(12, ((Conv(3),),))))
    crossed = Block(1, (Cell(16, ((Conv(3),),), entry=12), Cell(20, ((Conv(3),),), entry=8)))
    with pytest.raises(UsageError, match="no network of 'trellis' reaches its end"):
        replace(SPACE, blocks=(either, crossed), is_tied=True)
