"""Prioritized paths (Cream, NeurIPS 2020, arXiv 2010.15821): the best networks met so far teach the others on the way.

They stand on a board. A network that is trained in a step enters with its accuracy on the step's own images: while there is
room, or if it is better than the last entry by a clear lead, or better than it and cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.learning.phase import Callback, StepView
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace

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


class Teachers(Protocol):
    """Who of a board teaches whom."""

    board: Board
    measure: str
    """Who it is, for a reader."""

    def choose(self, student: nn.Module) -> tuple[Entry, float | torch.Tensor]:
        """Who of the board teaches a student, and the weight m of it."""

    def follow(self, before: Sequence[Entry], images: torch.Tensor, answers: torch.Tensor) -> None:
        """The board is no longer ``before``: a network entered, with its answers to images of its step."""


@dataclass
class Best:
    """Mode "top1": the best network of the board teaches everybody, with m = 0.5, as in the authors' code."""

    board: Board
    measure: str = "the best network of the board"

    def choose(self, student: nn.Module) -> tuple[Entry, float]:
        return self.board.entries[0], 0.5

    def follow(self, before: Sequence[Entry], images: torch.Tensor, answers: torch.Tensor) -> None:
        """Its answers are not needed."""


class PathDistillation(Callback):
    """Cross entropy with the labels, weighed ``(2 - m) / 2``, and with what a network of the board says, ``m / 2``.

    For the first ``warm_up`` steps there are labels alone, and no network enters.
    """

    def __init__(
        self,
        space: ChainSpace,
        path: Callable[[Architecture], nn.Module],
        cost: Callable[[Architecture], float],
        teachers: Teachers,
        *,
        costs: str,
        warm_up: int,
        label_smoothing: float,
    ) -> None:
        """Args:
        space: what is trained.
        path: the module of a network, with shared weights.
        cost: what a network costs.
        teachers: the board, and who of it teaches whom.
        costs: names what costs were taken from; a checkpoint with others is refused.
        warm_up: steps without a teacher.
        label_smoothing: of the labels.
        """
        self.board, self._teachers = teachers.board, teachers
        self._space, self._path, self._cost, self._costs = space, path, cost, costs
        self._warm_up, self._label_smoothing = warm_up, label_smoothing
        self._first: StepView | None = None
        self._answers = torch.empty(0)
        self._right, self._seen = 0.0, 0

    @property
    def measure(self) -> str:
        return f"cross entropy with the labels and with {self._teachers.measure}, along one path a step"

    def loss(self, view: StepView) -> torch.Tensor:
        scores, labels = view.network(view.batch.inputs).float(), view.batch.labels()
        self._count(view, scores.detach(), labels)
        hard = F.cross_entropy(scores, labels, label_smoothing=self._label_smoothing)
        if view.step < self._warm_up or not self.board.entries:
            return hard
        with torch.no_grad():
            entry, weight = self._teachers.choose(view.network)
            teacher = self._path(entry.network)(view.batch.inputs).float().softmax(1)
        return (weight * F.cross_entropy(scores, teacher) + (2 - weight) * hard) / 2

    def after_step(self, step: int) -> None:
        """The network of the step stands for election."""
        if step >= self._warm_up and self._first is not None:
            before, network = self.board.entries, self._first.path
            self.board.consider(Entry(network, float(self._right) / self._seen, self._cost(network)))
            if self.board.entries != before:
                self._teachers.follow(before, self._first.batch.inputs, self._answers)

    @property
    def remark(self) -> str:
        return f", board {len(self.board.entries)}"

    def facts(self) -> dict[str, Any]:
        return {"costs": self._costs, "board": [(str(one.network), one.accuracy, one.cost) for one in self.board.entries]}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Raises `UsageError` if the costs of the networks on the board were other ones."""
        if facts.get("costs", self._costs) != self._costs:
            changed = f"the board's costs changed: {facts['costs']} -> {self._costs}"
            raise UsageError(changed, "give another folder, or the former table")
        entries = (Entry(self._space.parse(line), accuracy, cost) for line, accuracy, cost in facts.get("board", ()))
        self.board.entries = tuple(entries)

    def _count(self, view: StepView, scores: torch.Tensor, labels: torch.Tensor) -> None:
        if view.portion == 0:  # a step begins, or begins again in smaller portions
            self._first, self._answers, self._right, self._seen = view, scores.softmax(1), 0.0, 0
        self._right += float((scores.argmax(1) == labels).sum())
        self._seen += len(labels)
