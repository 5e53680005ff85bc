"""Steps that may be stopped between any two: when they are saved, and what Ctrl-C does."""

from __future__ import annotations

import signal

import pytest

from dna_deploy.nets.resumable import Interval, run_steps
from dna_deploy.progress import Progress


class Work:
    """Counts steps, and notes in order what happens to it."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.events: list[str] = []
        self.interrupted_at = interrupted_at

    def advance(self, step: int) -> Progress:
        self.events.append(f"step {step}")
        if step == self.interrupted_at:
            signal.raise_signal(signal.SIGINT)
        return Progress("work", step + 1, 9)

    def run(self, steps: range, seconds: float) -> list[str]:
        run_steps(steps, self.advance, lambda: self.events.append("save"), seconds, self.tell)
        return self.events

    def tell(self, progress: Progress) -> None:
        self.events.append(f"told {progress.done}")


def test_each_step_is_saved_before_it_is_told_where_no_time_may_be_lost() -> None:
    assert Work().run(range(7, 9), 0) == ["step 7", "save", "told 8", "step 8", "save", "told 9"]


def test_within_an_interval_only_the_end_is_saved() -> None:
    assert Work().run(range(7, 9), 1e9) == ["step 7", "told 8", "step 8", "save", "told 9"]


def test_where_no_step_is_left_nothing_happens() -> None:
    assert Work().run(range(9, 9), 0) == []


def test_ctrl_c_is_held_until_the_step_is_whole_and_saved() -> None:
    work = Work(interrupted_at=4)
    before = signal.signal(signal.SIGINT, lambda *_: None)  # one that came too late shall not end the process of all tests
    try:
        with pytest.raises(KeyboardInterrupt):
            work.run(range(3, 9), 1e9)
    finally:
        signal.signal(signal.SIGINT, before)
    assert work.events == ["step 3", "told 4", "step 4", "save", "told 5"]


def test_an_interval_begins_anew_when_it_is_over() -> None:
    times = iter([0.0, 4.0, 5.0, 9.0, 10.0])
    interval = Interval(5.0, clock=lambda: next(times))
    assert [interval.is_over() for _ in range(2)] == [False, True]
