"""Networks of the board teach the others on the way (Cream, NeurIPS 2020, arXiv 2010.15821)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.learning.phase import Callback, StepView
from dna_deploy.rating.raters.cream.board import Board, Entry
from dna_deploy.rating.raters.cream.matching import Matching
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace


class PathDistillation(Callback):
    """Cross entropy with the labels, weighed ``(2 - m) / 2``, and with what a network of the board says, ``m / 2``.

    For the first ``warm_up`` steps there are labels alone, and no network enters.
    """

    def __init__(
        self,
        space: ChainSpace,
        path: Callable[[Architecture], nn.Module],
        cost: Callable[[Architecture], float],
        board: Board,
        *,
        matching: Matching | None = None,
        costs: str,
        warm_up: int,
        label_smoothing: float,
    ) -> None:
        """Args:
        space: what is trained.
        path: the module of a network, with shared weights.
        cost: what a network costs.
        board: who may teach.
        matching: who of it teaches whom, and the weight m; without one, as in the authors' mode "top1", the best with 0.5.
        costs: names what costs were taken from; a checkpoint with others is refused.
        warm_up: steps without a teacher.
        label_smoothing: of the labels.
        """
        self.board, self._matching = board, matching
        self._space, self._path, self._cost, self._costs = space, path, cost, costs
        self._warm_up, self._label_smoothing = warm_up, label_smoothing
        self._first: StepView | None = None
        self._answers = torch.empty(0)
        self._right, self._seen = 0.0, 0

    @property
    def measure(self) -> str:
        teacher = "best match" if self._matching else "best network"
        return f"cross entropy with the labels and with the {teacher} of the board, along one path a step"

    def loss(self, view: StepView) -> torch.Tensor:
        scores, labels = view.network(view.batch.inputs).float(), view.batch.labels()
        self._count(view, scores.detach(), labels)
        hard = F.cross_entropy(scores, labels, label_smoothing=self._label_smoothing)
        if view.step < self._warm_up or not self.board.entries:
            return hard
        with torch.no_grad():
            entry, weight = self._matching.choose(view.network) if self._matching else (self.board.entries[0], 0.5)
            teacher = self._path(entry.network)(view.batch.inputs).float().softmax(1)
        return (weight * F.cross_entropy(scores, teacher) + (2 - weight) * hard) / 2

    def after_step(self, step: int) -> None:
        """The network of the step stands for election."""
        if step >= self._warm_up and self._first is not None:
            before, network = self.board.entries, self._first.path
            self.board.consider(Entry(network, float(self._right) / self._seen, self._cost(network)))
            if self._matching and self.board.entries != before:
                self._matching.follow(before, self._first.batch.inputs, self._answers)

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
