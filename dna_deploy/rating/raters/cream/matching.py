"""Who of the board teaches whom (Cream, arXiv 2010.15821): a linear map that learns which difference from a teacher helps.

It is given how a student answers four images, less how a network of the board had answered them when it entered. Its value
there is how well the two match: the best match teaches, with the sigmoid of it as weight m. Every few steps a step of the
student towards its teacher is simulated, and the map changes such that the student is better on other images behind it.

The released code weighs by the last entry instead of the chosen one and turns its sign round, and lets the gradient through the
first weights of the student alone. Here the entry that was chosen counts, all weights do, and the images are held-out ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from dna_deploy.learning.phase import StepView
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.cream.board import Board, Entry
from dna_deploy.rating.raters.one_shot.held_out import HeldOutLoss, only_looked_at

SHOWN = 4
"""Images by which a student and a teacher are matched (the authors' code)."""


class Matching(nn.Module):
    """The map, and what networks of the board have answered: to ``(board, SHOWN, channels, height, width)``."""

    images: torch.Tensor
    answers: torch.Tensor

    def __init__(self, board: Board, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.board = board
        self.map = nn.Linear(SHOWN * classes, 1)
        self.register_buffer("images", torch.zeros(board.size, SHOWN, *shape))
        self.register_buffer("answers", torch.zeros(board.size, SHOWN, classes))

    def forward(self, student: nn.Module) -> torch.Tensor:
        """How well each network of the board matches a student, ``(entries,)``; the student itself gets no gradient."""
        count = len(self.board.entries)
        with torch.no_grad(), batch_statistics(student):
            answers = student(self.images[:count].flatten(0, 1)).float().softmax(1)
        matches: torch.Tensor = self.map(answers.reshape(count, -1) - self.answers[:count].flatten(1))
        return matches.squeeze(1)

    def choose(self, student: nn.Module) -> tuple[Entry, torch.Tensor]:
        """Who of the board teaches a student, and the weight m of it."""
        matches = self(student)
        best = int(matches.argmax())
        return self.board.entries[best], matches[best].sigmoid()

    def follow(self, before: Sequence[Entry], images: torch.Tensor, answers: torch.Tensor) -> None:
        """The board is no longer ``before``: a network entered, with its answers to images of its step."""
        numbers = {entry: number for number, entry in enumerate(before)}
        rows = [numbers.get(entry, -1) for entry in self.board.entries]
        shown = [number % len(images) for number in range(SHOWN)]
        for kept, fresh in ((self.images, images), (self.answers, answers)):
            kept[: len(rows)] = torch.cat([kept, fresh[None, shown]])[rows]


class MatchingLoss(HeldOutLoss):
    """The loss of a student on held-out images, once it has taken a step towards what its teacher says of others."""

    measure = "cross entropy with held-out labels behind a step towards the teacher"

    def __init__(self, supernet: OneShotSupernet, matching: Matching, rate: float, every: int) -> None:
        super().__init__(every)
        self._supernet, self._matching, self._rate = supernet, matching, rate

    def of(self, view: StepView) -> torch.Tensor:
        if not self._matching.board.entries:
            return torch.zeros(())
        student, halves = view.network, view.batch.portions(min(2, len(view.batch.inputs)))
        weights = {name: weight.detach().requires_grad_() for name, weight in student.named_parameters()}
        with only_looked_at(self._supernet):
            entry, share = self._matching.choose(student)
            with torch.no_grad():
                taught = self._supernet.path(entry.network)(halves[0].inputs).float().softmax(1)
            loss = F.cross_entropy(functional_call(student, weights, (halves[0].inputs,)).float(), taught)
            slopes = torch.autograd.grad(loss, list(weights.values()))
            moved = {
                name: weights[name].detach() - self._rate * share * slope for name, slope in zip(weights, slopes, strict=True)
            }
            return F.cross_entropy(functional_call(student, moved, (halves[-1].inputs,)).float(), halves[-1].labels())
