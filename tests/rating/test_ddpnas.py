"""DDPNAS: sweeps without replacement, momentum, one drop a slot and round, and a budget that stays within reach."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.ddpnas.config import PruningConfig
from dna_deploy.rating.raters.ddpnas.distribution import Sweeps
from dna_deploy.rating.raters.ddpnas.rater import Ddpnas
from dna_deploy.rating.raters.shrinking.left import Budget, Left
from dna_deploy.search import Constraint, Macs, search
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.options import Option, every_option, options_of, slots
from tests.search.instances import random_table
from tests.spaces.chains import PHOTOS, TINY
from tests.toy import SPACE, toy_data

CONFIG = PruningConfig(sweeps=2)
STEPS = 200


def macs(space: HeadedSpace, network: Architecture) -> float:
    return float(space.sections(network).macs)


def run(sweeps: Sweeps, until: int = STEPS) -> list[Architecture]:
    """The networks of all steps."""
    drawn = []
    for step in range(until):
        drawn.append(sweeps.draw(step))
        sweeps.after_step(step)
    return drawn


def judged_by(space: HeadedSpace, good: Option) -> Any:
    """Networks are right on half of all images, and on a tenth more with one option."""
    return lambda network: 0.6 if good in set(options_of(space, network)) else 0.5


def test_a_sweep_trains_every_option_and_none_twice_where_there_are_as_many_of_all() -> None:
    sweeps = Sweeps(Left(SPACE, Budget()), CONFIG, STEPS, lambda _: 0.5)
    networks = sweeps._networks(0)
    assert len(networks) == 2 * 6  # two cells of three operations a layer, twice
    for sweep in (networks[:6], networks[6:]):
        held = Counter(option for network in sweep for option in options_of(SPACE, network))
        assert set(held) == set(every_option(SPACE))
        assert {held[option] for option in held if option.block < 2 and option.layer is not None} == {1}
    assert networks[:6] != networks[6:]


def test_every_slot_loses_one_option_a_round_until_one_network_is_left() -> None:
    left = Left(SPACE, Budget())
    sweeps, sizes = Sweeps(left, CONFIG, STEPS, lambda network: macs(SPACE, network) % 7 / 7), []
    for step in range(STEPS):
        sweeps.draw(step)
        sweeps.after_step(step)
        largest = max(map(len, slots(left.space).values()))
        if not sizes or largest != sizes[-1]:
            sizes.append(largest)
            assert all(len(several) == min(largest, len(several)) for several in slots(left.space).values())
    assert sizes == [3, 2, 1]
    assert left.space.size() == 1


def test_more_options_may_be_left_for_a_search() -> None:
    left = Left(SPACE, Budget())
    run(Sweeps(left, CONFIG.model_copy(update={"left": 2}), STEPS, lambda _: 0.5))
    assert {len(several) for several in slots(left.space).values()} <= {1, 2}
    assert max(map(len, slots(left.space).values())) == 2


def test_what_makes_networks_right_survives() -> None:
    for good in (Option(0, "8x1"), Option(2, "16x2", 1, "k5e2")):
        left = Left(SPACE, Budget())
        run(Sweeps(left, CONFIG, STEPS, judged_by(SPACE, good)))
        (network,) = left.space.architectures()
        assert good in set(options_of(SPACE, network))


def test_likelihoods_move_by_the_formula_with_momentum() -> None:
    """One slot of two cells with one layer of two operations each: TINY's last block, by hand."""
    left, config = Left(TINY, Budget()), PruningConfig(sweeps=2, temperature=3.0, momentum=0.5, left=2)
    slot = [option for option in every_option(TINY) if option.slot == (1, "8x1", 0)]
    sweeps = Sweeps(left, config, STEPS, lambda _: 0.5)
    accuracies = ({slot[0]: 0.9, slot[1]: 0.5}, {slot[0]: 0.4, slot[1]: 0.5})
    shares = np.mean([1 / (1 + math.exp(3 * (each[slot[1]] - each[slot[0]]))) for each in accuracies])
    change, likelihood = 0.0, 0.5
    for _ in range(3):
        sweeps._move(slot, accuracies)
        change = 0.5 * change + 0.5 * shares
        other = 0.5 * sweeps._changes[slot[1]] * 0 + (1 - likelihood)
        likelihood = likelihood + change
        total = likelihood + other + sweeps._changes[slot[1]]
        likelihood /= total
        assert sweeps.likelihoods[slot[0]] == pytest.approx(likelihood)
        assert sum(sweeps.likelihoods[option] for option in slot) == pytest.approx(1)


def test_the_network_that_was_trained_is_judged_when_its_steps_are_over() -> None:
    judged: list[Architecture] = []
    sweeps = Sweeps(Left(SPACE, Budget()), CONFIG, STEPS, lambda network: judged.append(network) or 0.5)  # type: ignore[func-returns-value]
    drawn = run(sweeps)
    ends = [network for network, following in zip(drawn, [*drawn[1:], None], strict=True) if network != following]
    assert judged == ends


def test_a_budget_stays_within_reach_and_networks_of_a_sweep_keep_it_where_they_can() -> None:
    space = SPACE.with_head(SPACE.head_for(3))
    fastest = min(macs(space, network) for network in space.architectures())
    budget = Budget(lambda layer: float(layer.macs), 1.3 * fastest, "macs")
    left = Left(space, budget)
    sweeps = Sweeps(left, CONFIG, STEPS, lambda network: macs(space, network) / 1e7)  # what is dear is good
    run(sweeps)
    (network,) = left.space.architectures()
    assert fastest <= macs(space, network) <= 1.3 * fastest
    free = Left(space, Budget())
    run(Sweeps(free, CONFIG, STEPS, lambda network: macs(space, network) / 1e7))
    assert macs(space, next(free.space.architectures())) > 1.3 * fastest


def test_a_budget_that_no_network_keeps_is_refused_at_once() -> None:
    with pytest.raises(InfeasibleError, match="no network of 'toy' keeps 1 ms"):
        Left(SPACE, Budget(lambda _: 1.0, 1.0, "1 ms"))


def test_too_few_steps_are_refused_with_how_many_networks_there_are() -> None:
    with pytest.raises(UsageError, match=r"5 steps are too few to train \d+ networks"):
        Sweeps(Left(SPACE, Budget()), CONFIG, 5, lambda _: 0.5)


def test_a_space_of_one_candidate_a_slot_is_trained_as_it_is() -> None:
    space = HeadedSpace(**{**vars_of(PHOTOS), "blocks": tuple(one_choice(PHOTOS))})
    left = Left(space, Budget())
    assert len(set(run(Sweeps(left, CONFIG, 5, lambda _: 0.5), 5))) == 1
    assert left.dropped == ()


def vars_of(space: HeadedSpace) -> dict[str, Any]:
    names = ("name", "input", "stem", "usual_head", "head")
    return {name: getattr(space, name) for name in names}


def one_choice(space: HeadedSpace) -> list[Any]:
    from dataclasses import replace

    return [
        replace(block, cells=tuple(replace(cell, layers=tuple(layer[:1] for layer in cell.layers)) for cell in block.cells[:1]))
        for block in space.blocks
    ]


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


SMALL = PruningConfig(epochs=8, batch=12, rating_batch=20, calibration_images=32, sweeps=1)


def rater(folder: Path, **changes: Any) -> Ddpnas:
    compute = Compute(checkpoint_seconds=0)
    made = make_rater("ddpnas", SPACE, toy_data(), SMALL.model_copy(update=changes), folder, compute=compute)
    assert isinstance(made, Ddpnas)
    return made


@pytest.mark.parametrize("at", [3, 11, 20])
def test_killed_between_or_within_rounds_it_ends_as_an_uninterrupted_one(tmp_path: Path, at: int) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == at:
            raise KilledError

    whole = rater(tmp_path / "whole")
    dropped = whole.changed().dropped
    with pytest.raises(KilledError):
        rater(tmp_path / "killed").train(kill)
    resumed = rater(tmp_path / "killed")
    assert resumed.changed().dropped == dropped
    name = "one-shot.safetensors"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed.table().candidates == whole.table().candidates


def test_the_exact_search_finds_what_is_left_where_the_budget_allows_it(tmp_path: Path) -> None:
    made = rater(tmp_path)
    survivors = set(every_option(SPACE)) - set(map(Option.parse, made.changed().dropped))
    outcome = search(SPACE, made.table(), [], [Constraint(Macs(), at_most=1e12)], prefer_cheaper=False)
    last = SPACE.parse(outcome.best.architecture)
    assert all(option in survivors for option in options_of(SPACE, last))
    assert outcome.best.rating == pytest.approx(0)


def test_another_table_than_the_training_was_begun_with_is_refused(tmp_path: Path) -> None:
    slow = random_table(SPACE, random.Random(1))
    for number, name in ((1, "table.json"), (2, "other.json")):
        random_table(SPACE, random.Random(number)).write(tmp_path / name)
    budget = f"{1e3 * max(slow.predict(SPACE, network).seconds for network in SPACE.architectures()):.6f}ms"

    def kill(progress: Progress) -> None:
        if progress.done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        rater(tmp_path / "run", table=tmp_path / "table.json", budget=budget).train(kill)
    (tmp_path / "other.json").replace(tmp_path / "table.json")
    with pytest.raises(UsageError, match="the budget changed"):
        rater(tmp_path / "run", table=tmp_path / "table.json", budget=budget).train()
    with pytest.raises(TableError):
        rater(tmp_path / "run", table=tmp_path / "nowhere.json", budget=budget).train()
    with pytest.raises(UsageError, match="says nothing"):
        PruningConfig(budget="3ms")
