"""How long-running work tells where it is: values handed to a callback, so that no room but the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step of the work: ``done`` of ``total`` units of ``step``, and a short remark such as a loss.

    ``notice`` is what must not be missed, such as a smaller batch than was asked for: said once, and on screen for good.
    """

    step: str
    done: int
    total: int
    remark: str = ""
    notice: str = ""


OnProgress = Callable[[Progress], None]
"""What every long-running function takes as ``on_progress``."""


def silent(progress: Progress) -> None:
    """An `OnProgress` that says nothing."""
