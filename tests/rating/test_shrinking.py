"""A space is made smaller by dropping what scores worst; no slot is emptied, and the measured budget stays within reach."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.angle.config import AngleConfig
from dna_deploy.rating.raters.angle.rater import Angle
from dna_deploy.rating.raters.shrinking.left import Budget, Left, mean_scores
from dna_deploy.rating.raters.shrinking.schedule import ShrinkingNetworks
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import Option, every_option, least_cost, options, options_of, without
from dna_deploy.spaces.placed import PlacedLayer
from tests.search.instances import random_table
from tests.spaces.chains import TINY
from tests.toy import SPACE, toy_data

ROW = {row.layer: row.latency_s for row in random_table(TINY, random.Random(0)).rows}


def seconds(layer: PlacedLayer) -> float:
    return ROW[layer.key]


def latency(network: Architecture) -> float:
    return math.fsum(map(seconds, TINY.place(network)))


def fastest(space: HeadedSpace) -> float:
    """By trying every network."""
    return min(map(latency, space.architectures()))


def left_within(limit: float) -> Left:
    return Left(TINY, Budget(seconds, limit, "a budget"))


def test_the_least_cost_is_that_of_trying_every_network() -> None:
    assert least_cost(TINY, seconds) == pytest.approx(fastest(TINY))
    for option in options(TINY):
        assert least_cost(without(TINY, [option]), seconds) == pytest.approx(fastest(without(TINY, [option])))


def test_an_option_is_a_line_of_text_and_back() -> None:
    for option in every_option(TINY):
        assert Option.parse(str(option)) == option
    assert str(Option(1, "40x2", 0, "k3e1")) == "block 2: 40x2 layer 1: k3e1"
    with pytest.raises(UsageError, match="cannot read the option 'block two'"):
        Option.parse("block two")


def test_a_score_is_the_mean_over_the_networks_that_hold_an_option() -> None:
    scores = {network: float(number) for number, network in enumerate(TINY.architectures())}
    by_option = mean_scores(TINY, scores.items(), options(TINY))
    assert set(by_option) == set(options(TINY))
    wide = [score for network, score in scores.items() if network.line.startswith("6:")]
    assert by_option[Option(0, "6x2")] == pytest.approx(fmean(wide))
    pointwise = [score for network, score in scores.items() if network.line.startswith("6:p1,")]
    assert by_option[Option(0, "6x2", 0, "p1")] == pytest.approx(fmean(pointwise))


@given(st.data())
def test_shrinking_never_empties_a_slot_nor_loses_the_budget(data: st.DataObject) -> None:
    scores = {option: data.draw(st.floats(0, 1)) for option in options(TINY)}
    budget = fastest(TINY) * data.draw(st.floats(1, 1.5))
    left = left_within(budget)
    left.drop_worst(scores, data.draw(st.integers(0, 9)))
    assert left.space.size() == len(list(left.space.architectures())) > 0
    assert fastest(left.space) <= budget * (1 + 1e-9)
    assert len(set(left.dropped)) == len(left.dropped)
    for network in left.space.architectures():
        TINY.check(network)
        assert not set(options_of(TINY, network)) & set(left.dropped)


def test_the_last_option_within_the_budget_stays_however_low_it_scores() -> None:
    network = min(TINY.architectures(), key=latency)
    scores = mean_scores(TINY, [(each, float(each != network)) for each in TINY.architectures()], options(TINY))
    left = left_within(fastest(TINY))
    left.drop_worst(scores)
    assert list(left.space.architectures()) == [network]
    free = left_within(math.inf)
    free.drop_worst(scores)
    assert list(free.space.architectures()) != [network]


def test_the_worst_goes_first_and_dropping_ends_at_the_size_that_is_to_be_kept() -> None:
    scores = dict.fromkeys(options(TINY), 1.0) | {Option(0, "6x2", 1, "p1"): 0.0}
    left = left_within(math.inf)
    left.drop_worst(scores, most=1)
    assert left.dropped == (Option(0, "6x2", 1, "p1"),)
    left.drop_worst(scores, keep=6)
    assert left.space.size() <= 6
    assert without(TINY, left.dropped[:-1]).size() > 6


def test_a_budget_that_no_network_keeps_is_refused_with_the_fastest() -> None:
    with pytest.raises(InfeasibleError, match="no network of 'tiny' keeps a budget") as caught:
        left_within(fastest(TINY) / 2)
    assert f"{1e3 * fastest(TINY):.3g} ms" in caught.value.hint


CONFIG = AngleConfig(epochs=8, batch=16, rating_batch=20, calibration_images=32, keep=40, rounds=4, children=60, alone=0.25)


def rater(folder: Path, **changes: Any) -> Angle:
    compute = Compute(checkpoint_seconds=0)
    made = make_rater("angle", SPACE, toy_data(), CONFIG.model_copy(update=changes), folder, compute=compute)
    assert isinstance(made, Angle)
    return made


def test_sizes_fall_round_by_round_and_drawn_networks_are_of_what_is_left() -> None:
    left, sizes = Left(SPACE, Budget()), []
    sampler = ShrinkingNetworks(
        left, CONFIG, 40, lambda number: {option: len(str(option)) + 1 / number for option in options(left.space)}
    )
    for step in range(40):
        network = sampler.draw(step)
        left.space.check(network)
        if not left.dropped:
            assert network == UniformNetworks(SPACE, CONFIG.seed).draw(step)
        sampler.after_step(step)
        sizes.append(left.space.size())
    rounds = list(dict.fromkeys(sizes))
    assert len(rounds) == 1 + CONFIG.rounds
    assert rounds == sorted(rounds, reverse=True)
    assert sizes[9] < sizes[8] == SPACE.size()  # a quarter of the steps before any option is dropped
    assert 0 < rounds[-1] <= 40


def test_what_turned_least_is_dropped_first() -> None:
    left = Left(SPACE, Budget())
    sampler = ShrinkingNetworks(
        left, CONFIG, 40, lambda _: {option: float((option.block, option.code) != (2, "p1")) for option in options(left.space)}
    )
    for step in range(11):
        sampler.after_step(step)
    assert {option.code for option in left.dropped[:2]} == {"p1"}
    assert {option.block for option in left.dropped[:2]} == {2}


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("at", [5, 10, 19])
def test_interrupted_between_rounds_shrinking_goes_on_to_the_same_space(tmp_path: Path, at: int) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == at:
            raise KilledError

    dropped = rater(tmp_path / "whole").changed().dropped
    assert dropped
    with pytest.raises(KilledError):
        rater(tmp_path / "killed").train(kill)
    assert rater(tmp_path / "killed").changed().dropped == dropped
    name = "one-shot.safetensors"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_chance_drops_as_much_but_other_options(tmp_path: Path) -> None:
    by_angle, by_chance = (rater(tmp_path / by, by=by).changed().dropped for by in ("angle", "chance"))
    assert by_angle != by_chance
    assert without(SPACE, map(Option.parse, by_chance)).size() <= 40


def test_without_a_size_to_keep_nothing_is_dropped_and_shrinking_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="how many networks are to be left"):
        rater(tmp_path, keep=0).changed()
