"""What is left of a journey: estimates, corrected by what was seen. The clock is the test's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dna_deploy.pipeline.pace import SUPERNETS, rating_s, seconds_for
from dna_deploy.pipeline.runner import StageEvent
from dna_deploy.pipeline.time_left import TimeLeft, in_words
from dna_deploy.progress import Progress
from dna_deploy.spaces.catalog import find_chain
from tests.pipeline.made import PROFILE, RATE, TRAIN, Clock, planned


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def left(clock: Clock) -> TimeLeft:
    found = TimeLeft(clock)
    found(planned(PROFILE, RATE, TRAIN))
    return found


def test_before_anything_ran_it_is_the_sum_of_the_estimates(left: TimeLeft) -> None:
    assert left.seconds == 180


def test_a_stage_that_is_kept_takes_no_time(clock: Clock) -> None:
    left = TimeLeft(clock)
    left(planned(PROFILE, RATE, kept=("profile",)))
    assert left.seconds == 90
    left(StageEvent(RATE, "skipped", "unchanged after all"))
    assert left.seconds == 0


def test_what_kept_stages_took_says_how_fast_the_machine_is(clock: Clock) -> None:
    left, profile, rate = TimeLeft(clock), *planned(PROFILE, RATE, kept=("profile",))
    left((replace(profile, took_s=3 * PROFILE.estimate_s), rate))
    assert left.pace == pytest.approx((30 + 3 * 30) / (30 + 30))
    assert left.seconds == pytest.approx(RATE.estimate_s * left.pace)


def test_a_stage_that_waited_for_a_quiet_machine_says_little_of_the_others(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    clock.now += 600
    left(StageEvent(PROFILE, "finished", "", 600))
    assert left.pace == pytest.approx((30 + 3 * 30) / (30 + 30))


def test_the_stage_at_work_uses_up_its_estimate_and_never_owes_time(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    clock.now += 20
    assert left.seconds == 160
    clock.now += 10
    assert left.seconds == 150


def test_a_stage_that_took_twice_as_long_makes_the_rest_longer_but_less_than_twice(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    clock.now += 60
    left(StageEvent(PROFILE, "finished", "", 60))
    assert left.seconds == pytest.approx(150 * 90 / 60)
    assert left.pace == 1.5


def test_a_step_that_is_slower_than_thought_is_believed_and_makes_the_rest_longer(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    left(Progress("measuring", 0, 100))
    clock.now += 6
    left(Progress("measuring", 10, 100))
    assert left.pace == pytest.approx((30 + 60) / (30 + 30))
    assert left.seconds == pytest.approx(150 * left.pace + 54)


def test_a_stage_that_goes_on_beyond_its_estimate_makes_the_rest_longer_and_less_than_a_finished_one(
    clock: Clock, left: TimeLeft
) -> None:
    left(StageEvent(PROFILE, "started", ""))
    clock.now += 45
    assert left.pace == pytest.approx((30 + 45) / (30 + 30))
    clock.now += 10_000
    assert left.pace == pytest.approx((30 + 3 * 30) / (30 + 30))


def test_a_step_that_was_resumed_is_judged_by_what_it_did_since(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    left(Progress("measuring", 80, 100))
    clock.now += 10
    left(Progress("measuring", 90, 100))
    assert left.seconds == pytest.approx(150 + 20)  # 20 s are left of 30 s; at the step's own speed it is 10 s


def test_the_first_moments_of_a_step_say_nothing(clock: Clock, left: TimeLeft) -> None:
    left(StageEvent(PROFILE, "started", ""))
    left(Progress("measuring", 0, 1000))
    clock.now += 10
    left(Progress("measuring", 1, 1000))
    assert left.seconds == 170


def test_without_a_plan_nothing_is_left(clock: Clock) -> None:
    left = TimeLeft(clock)
    left(Progress("training", 1, 10))
    assert left.seconds == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (40.4, "40 s"), (89, "89 s"), (92, "2 min"), (5399, "1 h 30 min"), (3540, "59 min"), (7200, "2 h"),
     (12000, "3 h 20 min"), (90_000, "25 h")],
)  # fmt: skip
def test_a_time_is_said_as_roughly_as_it_is_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_estimates_are_within_a_factor_of_two_of_what_mbconv_was_measured_to_cost() -> None:
    total = Path("benchmarks/results/cost_mbconv.txt").read_text().splitlines()[-1]
    step_s, image_s = map(float, total.split("|")[3:5])  # one core: a training step of 16 images, and a rated image
    space, cores = find_chain("mbconv"), 2
    assert 1 / 2 <= seconds_for(16, SUPERNETS, space) / (step_s / cores) <= 2
    assert 1 / 2 <= rating_s(1, space) / (image_s / cores) <= 2


def test_a_step_without_stages_says_what_is_left_of_it(clock: Clock) -> None:
    left = TimeLeft(clock)
    left(Progress("share of blocks", 0, 100))
    clock.now += 10
    left(Progress("share of blocks", 25, 100))
    assert left.seconds == pytest.approx(30)
