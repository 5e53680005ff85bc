"""Shows long work: one live view of stages, step and time left on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dna_deploy.cli.console import error_console, is_quiet, note
from dna_deploy.pipeline.time_left import TimeLeft, in_words
from dna_deploy.progress import Progress

if TYPE_CHECKING:
    from dna_deploy.pipeline.runner import JourneyEvent, OnEvent, StageEvent

PLAIN_LINE_EVERY_S = 15.0
"""A log of an hour stays readable, and a CI that waits for words does not give up."""


@contextmanager
def journey_view() -> Iterator[OnEvent]:
    """What to hand to `run_stages` as ``on_event``, or to any long function as ``on_progress``."""
    if is_quiet():
        yield _unseen
        return
    console = error_console()
    if not console.is_terminal:
        yield PlainView()
        return
    from dna_deploy.cli.views.live import live_view

    with live_view(console) as view:
        yield view


def _unseen(event: JourneyEvent) -> None:
    """Shows nothing."""


class PlainView:
    """Hears the events of a journey and writes a line now and then: for logs, where nothing can be drawn over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = TimeLeft(clock)
        self._said_at = clock()
        self._count = 0
        self._number = 0

    def __call__(self, event: JourneyEvent) -> None:
        """Says what is new."""
        self._left(event)
        match event:
            case Progress():
                self._step(event)
            case tuple():
                self._count, self._number = self._number + len(event), self._number
            case _:
                self._stage(event)

    def _stage(self, event: StageEvent) -> None:
        name = f"{event.stage.name:<8}"
        match event.kind:
            case "started":
                self._number += 1
                self._said_at = self._clock()
                note(f"{name} {event.stage.summary} ({self._number} of {self._count}; {event.why}; {self._time_left()})")
            case "skipped":
                self._number += 1
                note(f"{name} kept ({event.why})")
            case _:
                note(f"{name} done in {in_words(event.seconds)}")

    def _step(self, progress: Progress) -> None:
        if progress.notice:
            note(f"note: {progress.notice}")
        now = self._clock()
        if now - self._said_at >= PLAIN_LINE_EVERY_S:
            self._said_at = now
            left = f" ({self._time_left()})" if self._count or self._left.seconds else ""
            note(f"  {progress.step}: {progress.done}/{progress.total} {progress.remark}".rstrip() + left)

    def _time_left(self) -> str:
        return f"about {in_words(self._left.seconds)} left"
