"""Progress in a notebook: one line an activity, rewritten in place. The command line has a view of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dna_deploy.errors import DependencyError
from dna_deploy.progress import Progress


class NotebookProgress:
    """An `OnProgress` for Jupyter.

    Args:
        every_s: At least so long between two updates of a line, since each is a message to the browser.
        clock: Seconds that only go forward.

    Raises:
        DependencyError: IPython is not installed.
    """

    def __init__(self, every_s: float = 0.2, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            from IPython.display import display
        except ImportError as error:
            raise DependencyError("progress in a notebook needs IPython", "pip install ipykernel") from error
        self._display: Callable[..., Any] = display
        self._every_s, self._clock = every_s, clock
        self._lines: dict[str, Any] = {}
        self._shown_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        is_new, is_last = progress.step not in self._lines, progress.done >= progress.total
        if not (is_new or is_last) and self._clock() - self._shown_at < self._every_s:
            return
        self._shown_at = self._clock()
        line = {"text/plain": f"{progress.step}: {progress.done} of {progress.total} {progress.remark}".rstrip()}
        if is_new:
            self._lines[progress.step] = self._display(line, raw=True, display_id=True)
        else:
            self._lines[progress.step].update(line, raw=True)
