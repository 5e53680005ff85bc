"""What many tasks tell becomes one course, from nothing to all."""

from __future__ import annotations

from dna_deploy.executors.executor import SumOfSteps
from dna_deploy.progress import Progress


def test_tasks_that_have_not_begun_count_as_long_as_the_others() -> None:
    steps = SumOfSteps(4)
    assert steps.add(0, Progress("training", 5, 10)) == Progress("training", 5, 40)
    assert steps.add(1, Progress("training", 1, 20)) == Progress("training", 6, 60)


def test_a_step_is_shown_until_it_is_over_everywhere() -> None:
    steps = SumOfSteps(2)
    steps.add(0, Progress("training", 10, 10))
    assert steps.add(0, Progress("rating", 1, 4)) == Progress("training", 10, 20)
    assert steps.add(1, Progress("training", 10, 10)) == Progress("rating", 1, 8)


def test_a_task_that_found_itself_finished_does_not_count() -> None:
    steps = SumOfSteps(3)
    steps.add(0, Progress("training", 5, 10))
    steps.finish(2)
    assert steps.add(1, Progress("training", 5, 10)) == Progress("training", 10, 20)


def test_a_task_that_is_tried_again_begins_anew() -> None:
    steps = SumOfSteps(1)
    steps.add(0, Progress("training", 9, 10))
    assert steps.add(0, Progress("training", 1, 10)).done == 1
