"""The live view of a journey on a terminal: a line a stage, what the stage at work is doing, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dna_deploy.pipeline.runner import StageEvent
from dna_deploy.pipeline.time_left import TimeLeft, in_words
from dna_deploy.progress import Progress

if TYPE_CHECKING:
    from dna_deploy.pipeline.runner import JourneyEvent, Plan

_A_SECOND = 4
_BAR = 24
_ROOM_FOR_SUMMARIES = 60
"""Columns below which a stage is its name and its time."""

_MARKS = {"done": "✓", "kept": "=", "now": "▸", "to come": "·"}
_PLAIN_MARKS = {"done": "x", "kept": "=", "now": ">", "to come": "."}
_STYLES = {"done": "green", "kept": "dim", "now": "bold", "to come": "dim"}
_STATES = {"started": "now", "finished": "done", "skipped": "kept"}


@contextmanager
def live_view(console: Console) -> Iterator[JourneyView]:
    """Draws a view until it is left. Stages stay on the screen; a bar without stages does not."""
    view = JourneyView()
    with Live(view, console=console, refresh_per_second=_A_SECOND) as live:
        view.show_notice = lambda text: live.console.print(f"note: {text}", markup=False, highlight=False)
        yield view
        view.close()


@dataclass
class _Line:
    """A stage as it stands: done, kept, now or to come."""

    name: str
    summary: str
    estimate_s: float
    state: str = "to come"
    why: str = ""
    seconds: float = 0.0


@dataclass
class JourneyView:
    """Hears the events of a journey, and draws where it is."""

    clock: Callable[[], float] = time.monotonic
    show_notice: Callable[[str], object] = lambda _: None
    _lines: dict[str, _Line] = field(default_factory=dict)
    _step: Progress | None = None
    _since: float = 0.0
    _left: TimeLeft = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._since = TimeLeft(self.clock), self.clock()

    def __call__(self, event: JourneyEvent) -> None:
        """Takes note of what is new; the screen follows by itself."""
        self._left(event)
        match event:
            case Progress():
                if event.notice:
                    self.show_notice(event.notice)
                self._step = event
            case StageEvent():
                self._hear_stage(event)
            case _:
                self._hear_plan(event)

    def close(self) -> None:
        """Nothing goes on any more."""
        self._step = None

    def _hear_plan(self, plan: Plan) -> None:
        for step in plan:
            self._lines[step.stage.name] = _Line(step.stage.name, step.stage.summary, step.estimate_s)

    def _hear_stage(self, event: StageEvent) -> None:
        stage, self._step, self._since = event.stage, None, self.clock()
        state = _STATES[event.kind]
        self._lines[stage.name] = _Line(stage.name, stage.summary, stage.estimate_s, state, event.why, event.seconds)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        marks = _PLAIN_MARKS if options.ascii_only else _MARKS
        yield from self._stages(options.max_width, marks)
        if self._step is not None:
            yield from self._bar(self._step, options.max_width)
        if any(line.state == "now" for line in self._lines.values()) or (not self._lines and self._left.seconds):
            yield Text(f"about {in_words(self._left.seconds)} left", style="bold")

    def _stages(self, width: int, marks: dict[str, str]) -> Iterator[Table]:
        if not self._lines:
            return
        table = Table.grid(padding=(0, 1))
        for _ in range(3):
            table.add_column(no_wrap=True, overflow="ellipsis")
        for line in self._lines.values():
            words = self._words(line, is_wide=width >= _ROOM_FOR_SUMMARIES)
            table.add_row(marks[line.state], line.name, words, style=_STYLES[line.state])
        yield table

    def _words(self, line: _Line, *, is_wide: bool) -> str:
        match line.state:
            case "done":
                return f"done in {in_words(line.seconds)}"
            case "kept":
                return f"kept ({line.why})"
            case "now" if is_wide:
                return f"{line.summary} ({line.why})"
            case "now":
                return f"since {in_words(self.clock() - self._since)}"
        return f"about {in_words(line.estimate_s * self._left.pace)}" if line.estimate_s else "kept, if nothing changes"

    def _bar(self, step: Progress, width: int) -> Iterator[Table]:
        """What is done of a step: its name and a bar; then, on wide terminals, the count and the remark."""
        counted = f"{step.done}/{step.total}"
        row = Table.grid(padding=(0, 1))
        for ratio in (None, None, None, 1):
            row.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
        bar = ProgressBar(total=max(1, step.total), completed=step.done, width=min(_BAR, max(6, width // 4)))
        row.add_row(f"  {step.step}" if self._lines else step.step, bar, counted, step.remark)
        row.expand = True
        yield row
