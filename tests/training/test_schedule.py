"""Schedules speak to nobody."""

from __future__ import annotations

import pytest

from dna_deploy.training.recipe import Recipe
from dna_deploy.training.schedule import learning_rates


def test_a_schedule_of_one_step_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    for total in (1, 2, 3):
        assert learning_rates(Recipe(warm_up=0, learning_rate=0.1), total, 1)(0) == pytest.approx(0.1)
    assert caplog.text == ""
