"""Progress in a notebook, seen through a display that keeps what it was told."""

from __future__ import annotations

from typing import Any

import IPython.display
import pytest

from dna_deploy.notebook import NotebookProgress
from dna_deploy.progress import Progress


class Screen:
    """Stands in for `IPython.display.display`: lines in the order in which they appeared."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.updates = 0

    def __call__(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        self.lines.append(data["text/plain"])
        return Line(self, len(self.lines) - 1)


class Line:
    def __init__(self, screen: Screen, index: int) -> None:
        self._screen, self._index = screen, index

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self._screen.lines[self._index] = data["text/plain"]
        self._screen.updates += 1


def test_a_line_an_activity_updated_no_more_than_asked_and_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = Screen(), [0.0]
    monkeypatch.setattr(IPython.display, "display", screen)
    show = NotebookProgress(every_s=1.0, clock=lambda: now[0])
    for done in range(1, 11):
        now[0] += 0.3
        show(Progress("measuring", done, 10, f"{done} ms"))
    show(Progress("training", 1, 4))
    assert screen.lines == ["measuring: 10 of 10 10 ms", "training: 1 of 4"]
    assert screen.updates == 3
