"""A space is made smaller by dropping what scores worst; no slot is emptied, and the measured budget stays within reach."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dna_deploy.errors import UsageError
from dna_deploy.rating.raters.angle.shrinking import Option, least_cost, mean_scores, options, shrunk, without
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.placed import PlacedLayer
from tests.search.instances import random_table
from tests.spaces.test_space import TINY

ROW = {row.layer: row.latency_s for row in random_table(TINY, random.Random(0)).rows}


def seconds(layer: PlacedLayer) -> float:
    return ROW[layer.key]


def fastest(space: HeadedSpace) -> float:
    """By trying every network."""
    return min(math.fsum(map(seconds, space.place(network))) for network in space.architectures())


def test_the_least_cost_is_that_of_trying_every_network() -> None:
    assert least_cost(TINY, seconds) == pytest.approx(fastest(TINY))
    for option in options(TINY):
        assert least_cost(without(TINY, option), seconds) == pytest.approx(fastest(without(TINY, option)))


def test_a_score_is_the_mean_over_the_networks_that_hold_an_option() -> None:
    scores = {network: float(number) for number, network in enumerate(TINY.architectures())}
    by_option = mean_scores(TINY, scores)
    assert set(by_option) == set(options(TINY))
    wide = [score for network, score in scores.items() if network.line.startswith("6:")]
    assert by_option[Option(0, "6x2")] == pytest.approx(fmean(wide))
    pointwise = [score for network, score in scores.items() if network.line.startswith("6:p1,")]
    assert by_option[Option(0, "6x2", 0, "p1")] == pytest.approx(fmean(pointwise))


@given(st.data())
def test_shrinking_never_empties_a_slot_nor_loses_the_budget(data: st.DataObject) -> None:
    scores = {option: data.draw(st.floats(0, 1)) for option in options(TINY)}
    budget = fastest(TINY) * data.draw(st.floats(1, 1.5))
    smaller, dropped = shrunk(TINY, scores, data.draw(st.integers(0, 9)), seconds, budget)
    assert smaller.size() == len(list(smaller.architectures())) > 0
    assert fastest(smaller) <= budget * (1 + 1e-9)
    assert len(set(dropped)) == len(dropped)
    for network in smaller.architectures():
        TINY.check(network)


def test_the_last_option_within_the_budget_stays_however_low_it_scores() -> None:
    network = min(TINY.architectures(), key=lambda network: math.fsum(map(seconds, TINY.place(network))))
    scores = mean_scores(TINY, {each: float(each != network) for each in TINY.architectures()})
    smaller, dropped = shrunk(TINY, scores, 99, seconds, fastest(TINY))
    assert list(smaller.architectures()) == [network]
    assert dropped
    everything, _ = shrunk(TINY, scores, 99, seconds, math.inf)
    assert list(everything.architectures()) != [network]


def test_the_worst_goes_first() -> None:
    scores = dict.fromkeys(options(TINY), 1.0) | {Option(0, "6x2", 1, "p1"): 0.0}
    _, dropped = shrunk(TINY, scores, 1, seconds, math.inf)
    assert dropped == (Option(0, "6x2", 1, "p1"),)


def test_a_budget_that_no_network_keeps_is_refused_with_the_cheapest() -> None:
    with pytest.raises(UsageError, match="no network of 'tiny' costs"):
        shrunk(TINY, {}, 1, seconds, fastest(TINY) / 2)
