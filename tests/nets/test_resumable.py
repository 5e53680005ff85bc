"""Steps that may be stopped between any two: when they are saved, and what Ctrl-C does."""

from __future__ import annotations

import subprocess
import sys

from dna_deploy.learning.resumable import Interval, run_steps
from dna_deploy.progress import Progress


class Work:
    """Counts steps, and notes in order what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def advance(self, step: int) -> Progress:
        self.events.append(f"step {step}")
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


INTERRUPTED = """
import signal

from dna_deploy.learning.resumable import run_steps
from dna_deploy.progress import Progress

signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs that a shell put in the background are born deaf to it


def advance(step):
    print("step", step)
    if step == 4:
        signal.raise_signal(signal.SIGINT)
    return Progress("work", step + 1, 9)


try:
    run_steps(range(3, 9), advance, lambda: print("save"), 1e9, lambda progress: print("told", progress.done))
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_is_held_until_the_step_is_whole_and_saved() -> None:
    """In a process of its own, which it cannot take others down with."""
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:-1] == ["step 3", "told 4", "step 4", "save", "told 5", "stopped"]


def test_an_interval_begins_anew_when_it_is_over() -> None:
    times = iter([0.0, 4.0, 5.0, 9.0, 10.0])
    interval = Interval(5.0, clock=lambda: next(times))
    assert [interval.is_over() for _ in range(2)] == [False, True]
