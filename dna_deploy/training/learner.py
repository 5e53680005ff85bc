"""A network in training: one step of it, the weights that are judged, and what a checkpoint has to keep."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn

from dna_deploy.data.randomness import seeded
from dna_deploy.learning.memory import Portions, memory_for
from dna_deploy.training.dropping import drop_parts
from dna_deploy.training.lessons import Lesson, Lessons
from dna_deploy.training.objective import Objective
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.schedule import Schedule, make_optimiser
from dna_deploy.training.team import Team

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Learner:
    """Trains ``network`` in place, a step at a time, on this process's pieces of every batch.

    Where memory is short, a piece is run in portions, as `portions` says; but not in a team, whose others would wait for this
    process at another place.
    """

    def __init__(
        self, network: nn.Module, objective: Objective, lessons: Lessons, recipe: Recipe, team: Team, *, what: str
    ) -> None:
        drop_parts(network, recipe)
        self._network, self._objective, self._lessons, self._recipe, self._team = network, objective, lessons, recipe, team
        self.optimiser = make_optimiser(network, recipe)
        self.total = recipe.epochs * lessons.steps_per_epoch
        self.schedule = Schedule(self.optimiser, recipe, self.total, lessons.steps_per_epoch)
        piece = recipe.piece(team.size)
        self.portions = Portions(what, piece) if team.size == 1 else Portions(what, piece, smallest=piece)
        self._joined = team.joined(network)
        self._average = _average(network, recipe.ema) if recipe.ema else None
        kind = torch.device(team.device).type
        self._scaler = torch.amp.GradScaler(kind, enabled=recipe.amp == "fp16")
        self._cast = torch.autocast(kind, _HALVES[recipe.amp]) if recipe.amp in _HALVES else nullcontext()

    @property
    def judged(self) -> nn.Module:
        """The weights that count: the running mean where there is one."""
        return self._network if self._average is None else self._average.module

    @property
    def kept(self) -> nn.Module:
        """The weights that a checkpoint keeps."""
        if self._average is None:
            return self._network
        return nn.ModuleDict({"network": self._network, "average": self._average.module})

    @property
    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps besides weights and optimiser."""
        return {"scaler": self._scaler.state_dict()}

    def resume(self, facts: Mapping[str, Any]) -> None:
        """Goes on where a checkpoint stood; weights and optimiser have been put back already."""
        if facts.get("scaler"):
            self._scaler.load_state_dict(facts["scaler"])

    def step(self, step: int) -> float:
        """Makes one step, counted from 0; its loss, a mean over all pieces of all processes."""
        self.schedule.set(step)
        loss = self.portions.run(partial(self._gather, step))
        with memory_for(self.portions.what, self.portions.batch):  # an optimiser's first step takes memory as well
            self._scaler.step(self.optimiser)
        self._scaler.update()
        if self._average is not None:
            self._average.update(self._network, step + 1)
        return self._team.mean(loss)

    def _gather(self, step: int, portions: int) -> float:
        """The gradients of this process's pieces of a batch, each run in so many portions; the mean of their losses."""
        self.optimiser.zero_grad(set_to_none=True)
        pieces = self._recipe.accumulate
        first = self._team.rank * pieces
        losses = []
        for piece in range(first, first + pieces):
            lesson = self._lessons.at(step, piece)
            for number, portion in enumerate(lesson.portions(portions)):
                is_last = (piece, number) == (first + pieces - 1, portions - 1)
                share = len(portion.inputs) / len(lesson.inputs)
                losses.append(self._learn(portion, share, (step, piece, *([number] if number else [])), is_last=is_last))
        return sum(losses) / pieces

    def _learn(self, lesson: Lesson, share: float, place: tuple[int, ...], *, is_last: bool) -> float:
        """Adds the gradients of a ``share`` of a piece; with the last one they are shared between processes."""
        waits = nullcontext() if is_last or self._team.size == 1 else self._joined.no_sync()  # type: ignore[operator]
        with waits:
            with self._cast, self._dropping(place):
                scores = self._joined(lesson.inputs)
            loss = share * self._objective(scores.float(), lesson)
            torch.autograd.backward(self._scaler.scale(loss / self._recipe.accumulate))
        return float(loss.detach())

    def _dropping(self, place: tuple[int, ...]) -> Any:
        """What is dropped is a function of the step, too."""
        drops = self._recipe.dropout or self._recipe.drop_path
        return seeded(self._recipe.seed, "dropping", *place) if drops else nullcontext()


def _average(network: nn.Module, decay: float) -> Any:
    """A running mean of weights and statistics that forgets the beginning sooner, or short trainings would be nothing else."""
    from timm.utils.model_ema import ModelEmaV3

    return ModelEmaV3(network, decay=decay, use_warmup=True)
