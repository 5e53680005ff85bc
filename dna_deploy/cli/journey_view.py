"""Shows a journey: one live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dna_deploy.cli.console import note, progress_bar
from dna_deploy.progress import Progress as StepProgress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from dna_deploy.pipeline.stages import OnEvent, StageEvent

PLAIN_LINE_EVERY_S = 10.0


class JourneyView:
    """Hears the events of `run_stages`; draws a bar a step, and a line a finished stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: tuple[str, TaskID] | None = None
        self._plain_since = time.monotonic()

    def __call__(self, event: StageEvent | StepProgress) -> None:
        if isinstance(event, StepProgress):
            self._step(event)
        else:
            self._stage(event)

    def _stage(self, event: StageEvent) -> None:
        self._close_step()
        name = f"{event.stage.name:<8}"
        match event.kind:
            case "started":
                note(f"{name} {event.stage.summary} ({event.why}; about {event.stage.estimate_s:.0f} s)")
            case "skipped":
                note(f"{name} kept ({event.why})")
            case _:
                note(f"{name} done in {event.seconds:.0f} s")

    def _step(self, progress: StepProgress) -> None:
        if progress.notice:
            self._bars.console.print(f"note: {progress.notice}", markup=False, highlight=False, soft_wrap=True)
        if self._bars.disable:
            self._plain(progress)
            return
        if self._task is None or self._task[0] != progress.step:
            self._close_step()
            self._task = (progress.step, self._bars.add_task(progress.step, total=progress.total, status=""))
        self._bars.update(self._task[1], completed=progress.done, total=progress.total, status=progress.remark)

    def _plain(self, progress: StepProgress) -> None:
        now = time.monotonic()
        if now - self._plain_since >= PLAIN_LINE_EVERY_S:
            self._plain_since = now
            note(f"  {progress.step}: {progress.done}/{progress.total} {progress.remark}".rstrip())

    def _close_step(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task[1])
            self._task = None


@contextmanager
def journey_view() -> Iterator[OnEvent]:
    """What to hand to `run_stages` as ``on_event``."""
    with progress_bar() as bars:
        yield JourneyView(bars)
