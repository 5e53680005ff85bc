"""The steps of a training that may be killed or interrupted between any two of them, and goes on from what was saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dna_deploy.learning.interrupt import interrupts_held
from dna_deploy.progress import OnProgress, Progress


def run_steps(
    steps: range, advance: Callable[[int], Progress], save: Callable[[], None], seconds: float, on_progress: OnProgress
) -> None:
    """Takes the steps that are left. A kill loses those of the last ``seconds``, Ctrl-C none.

    Args:
        steps: their numbers; what was saved holds those before.
        advance: takes one step, and says what is to be told of it.
        save: keeps where the training stands, between two steps: at intervals, on Ctrl-C, and at the end.
        seconds: between two saves.
        on_progress: hears of every step.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once all is saved.
    """
    interval = Interval(seconds)
    with interrupts_held() as interrupted:
        for step in steps:
            progress, stops = advance(step), interrupted()
            if stops or interval.is_over() or step == steps[-1]:
                save()
            on_progress(progress)
            if stops:
                break
        if interrupted():
            raise KeyboardInterrupt


@dataclass
class Interval:
    """Says when to save again: whenever ``seconds`` have gone by since the last time."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def is_over(self) -> bool:
        """Whether the time has gone by; if so, the next interval begins."""
        if self.clock() - self._last < self.seconds:
            return False
        self._last = self.clock()
        return True
