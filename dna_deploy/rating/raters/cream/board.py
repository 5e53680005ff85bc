"""The board of Cream (NeurIPS 2020, arXiv 2010.15821): the best networks that were met so far.

A network that is trained in a step enters with its accuracy on the step's own images: while there is room, or if it is better
than the last entry by a clear lead, or better than it and cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.spaces.architecture import Architecture

LEAD = 0.05
"""By how much accuracy alone must beat the last entry (the authors' code: five points)."""


@dataclass(frozen=True)
class Entry:
    """A network of the board: its accuracy on the images of the step that trained it, and what it costs."""

    network: Architecture
    accuracy: float
    cost: float


class Board:
    """The best ``size`` networks that were met, best first; of two that are alike, the cheaper one."""

    def __init__(self, size: int, entries: tuple[Entry, ...] = ()) -> None:
        self.size, self.entries = size, entries

    def admits(self, entry: Entry) -> bool:
        """Whether the network enters."""
        if len(self.entries) < self.size:
            return True
        last = self.entries[-1]
        return entry.accuracy > last.accuracy + LEAD or (entry.accuracy > last.accuracy and entry.cost < last.cost)

    def consider(self, entry: Entry) -> None:
        """Takes the network if it enters; where there is no room, the last one leaves. It stands there once, as of late."""
        if not self.admits(entry):
            return
        others = [other for other in self.entries if other.network != entry.network]
        ranked = sorted([*others, entry], key=lambda one: (-one.accuracy, one.cost, str(one.network)))
        self.entries = tuple(ranked[: self.size])
