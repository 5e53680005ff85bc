"""How blocks are divided over workers: nothing is left out, and more workers never take longer."""

from __future__ import annotations

from itertools import product

import pytest

from dna_deploy.rating.raters.dna.shares import TEACHER_SHARE, best_division, block_costs, divided, makespan, spread_gain
from tests.toy import SPACE

COSTS = [9.0, 2.0, 1.0, 3.0, 2.0, 0.5]


@pytest.mark.parametrize(("sets", "workers"), list(product((1, 3, 8), (1, 2, 5, 8, 64))))
def test_every_block_is_in_one_task(sets: int, workers: int) -> None:
    division = best_division(COSTS, sets, workers)
    assert sorted(block for share in division for block in share) == list(range(len(COSTS)))


def test_more_workers_are_never_slower_and_the_costliest_block_is_the_end() -> None:
    gains = [spread_gain(COSTS, 1, workers) for workers in range(1, 65)]
    assert gains == sorted(gains)
    assert gains[0] == 1
    share = COSTS[0] / sum(COSTS)
    assert gains[-1] == pytest.approx(1 / (TEACHER_SHARE + (1 - TEACHER_SHARE) * share))


def test_sets_enough_for_all_workers_share_no_teacher() -> None:
    assert best_division(COSTS, 8, 8) == [list(range(len(COSTS)))]
    assert spread_gain(COSTS, 8, 8) == pytest.approx(8)
    assert len(best_division(COSTS, 1, 8)) > 1


def test_the_last_task_ends_no_earlier_than_the_longest_and_the_mean() -> None:
    for workers in (1, 2, 3, 9):
        assert makespan(COSTS, workers) >= max(*COSTS, sum(COSTS) / workers)
        assert sum(sum(COSTS[task] for task in share) for share in divided(COSTS, workers)) == sum(COSTS)


def test_a_block_of_more_layers_costs_more() -> None:
    costs = block_costs(SPACE, share_depths=True)
    assert len(costs) == 3
    assert costs[1] > costs[2]
