"""The training loop, the only one: whatever is trained goes through it, a step at a time, and may be killed at any.

Every step is a function of seeds and of the step's number, so that a resumed training ends with the very weights of an
uninterrupted one. What is trained, and on what, is in the phases (`learning/phase.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import torch
from torch import nn

from dna_deploy.data.batches import Batch, prefetched
from dna_deploy.data.randomness import seeded
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.memory import Portions, memory_for
from dna_deploy.learning.phase import Phase, StepView
from dna_deploy.learning.processes import Processes
from dna_deploy.learning.resumable import run_steps
from dna_deploy.learning.soundness import check_loss
from dna_deploy.learning.state import TrainingState
from dna_deploy.progress import OnProgress, Progress, silent


@dataclass(frozen=True)
class TrainingPlan:
    """How steps are taken: what progress calls them, in what portions where memory is short, where, and by whom.

    A process takes its share of a batch in so many ``pieces``, whose gradients are accumulated.
    """

    name: str
    portions: Portions
    compute: Compute
    pieces: int = 1
    processes: Processes = field(default_factory=Processes)


@torch.enable_grad()
def train(states: Sequence[TrainingState], plan: TrainingPlan, on_progress: OnProgress = silent) -> None:
    """Takes the steps that are left, inside `torch.no_grad`, too. Several states are trained side by side, the last ones first.

    Raises:
        DivergedError: a loss or a weight is no longer a number. The last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit in memory.
        KeyboardInterrupt: after Ctrl-C, once all is saved.
    """
    steps = range(min(state.step for state in states), states[0].steps)
    loop = _Loop(states, plan, steps)
    tell = on_progress if plan.processes.is_first else silent
    run_steps(steps, loop.advance, loop.save, plan.compute.checkpoint_seconds, tell)
    if plan.processes.is_first:
        for state in states:
            state.restore_histories()
    plan.processes.wait()


class _Loop:
    def __init__(self, states: Sequence[TrainingState], plan: TrainingPlan, steps: range) -> None:
        self._states, self._plan = states, plan
        self._prepared = [prefetched(partial(self._pieces, phase), steps, plan.compute.workers) for phase in states[0].phases]
        self._joined = {phase: plan.processes.joined(phase.group) for state in states for phase in state.phases}

    def advance(self, step: int) -> Progress:
        """Takes a step of every state that has not taken it yet."""
        due = [state for state in self._states if state.step == step]
        by_phase = [self._update(due, number, step, next(prepared)) for number, prepared in enumerate(self._prepared)]
        losses = [list(chain.from_iterable(phases)) for phases in zip(*by_phase, strict=True)]
        for state, state_losses in zip(due, losses, strict=True):
            state.finish_step(state_losses)
        remarks = "".join(callback.remark for state in due for callback in state.callbacks)
        text = f"loss {' '.join(f'{loss:.3f}' for loss in chain(*losses))}{remarks}"
        return Progress(self._plan.name, step + 1, due[0].steps, text, self._plan.portions.news())

    def save(self) -> None:
        """Saves every state; one process does it for all."""
        if self._plan.processes.is_first:
            for state in self._states:
                state.save(self._plan.portions.remark)

    def _pieces(self, phase: Phase, step: int) -> list[Batch]:
        """This process's pieces of a batch."""
        pieces, processes = self._plan.pieces, self._plan.processes
        first = processes.rank * pieces
        return [phase.batches.at(step, piece, pieces * processes.count) for piece in range(first, first + pieces)]

    def _update(self, states: Sequence[TrainingState], number: int, step: int, pieces: Sequence[Batch]) -> list[list[float]]:
        """The losses of one phase of every state, by which its parameters have changed.

        Raises:
            DivergedError: a loss is no number. No parameter has changed.
        """
        portions = self._plan.portions
        gathered = portions.run(partial(self._gather, states, number, step, pieces))
        losses = [[self._plan.processes.mean(loss) for loss in phase_losses.tolist()] for phase_losses in gathered]
        for state, phase_losses in zip(states, losses, strict=True):
            subjects = state.phases[number].histories
            is_one_of_many = len(subjects) > 1 or len(state.phases) > 1
            for subject, loss in zip(subjects, phase_losses, strict=True):
                check_loss(loss, subject if is_one_of_many else state.name, step, state.steps)
        with memory_for(portions.what, portions.batch):  # an optimiser's first step takes memory as well
            for state in states:
                phase = state.phases[number]
                for parameters in phase.optimiser.param_groups:
                    parameters["lr"] = phase.rate(step)
                state.scaler.step(phase.optimiser)
                state.scaler.update()
        return losses

    def _gather(
        self, states: Sequence[TrainingState], number: int, step: int, pieces: Sequence[Batch], portions: int
    ) -> list[torch.Tensor]:
        """The gradients of one phase of every state, from pieces that are run in so many portions; its losses, 64-bit."""
        phases = [state.phases[number] for state in states]
        paths = [phase.sampler.draw(step) if phase.sampler else None for phase in phases]
        losses: list[torch.Tensor] = [torch.zeros((), dtype=torch.float64)] * len(phases)
        for phase in phases:
            phase.optimiser.zero_grad(set_to_none=True)
        first = self._plan.processes.rank * self._plan.pieces
        for piece, batch in enumerate(pieces, first):
            for count, portion in enumerate(batch.portions(portions)):
                is_last = (piece, count) == (first + len(pieces) - 1, portions - 1)
                features, share = self._features(phases[0], portion), len(portion.inputs) / len(batch.inputs)
                for index, (state, phase, path) in enumerate(zip(states, phases, paths, strict=True)):
                    view = StepView(
                        step, path, self._network(phase, path), portion, features, (piece - first) * portions + count
                    )
                    with self._sharing(phase, is_last=is_last):
                        with self._randomness(phase, (step, piece, *([count] if count else []))):
                            loss = share * self._loss(phase, view)
                        if loss.requires_grad:  # paths of layers without weights have nothing to learn
                            torch.autograd.backward(state.scaler.scale(loss.sum() / len(pieces)))
                    losses[index] = losses[index].to(loss.device) + loss.detach().double() / len(pieces)
        return [loss.flatten() for loss in losses]

    def _features(self, phase: Phase, batch: Batch) -> object:
        with self._plan.compute.autocast():
            return phase.features(batch.inputs) if phase.features else None

    def _network(self, phase: Phase, path: object) -> nn.Module:
        return phase.network(path) if phase.network else self._joined[phase]

    def _loss(self, phase: Phase, view: StepView) -> torch.Tensor:
        with self._plan.compute.autocast():
            return torch.stack([objective.loss(view) for objective in phase.objectives]).sum(0)

    def _sharing(self, phase: Phase, *, is_last: bool) -> AbstractContextManager[object]:
        """Gradients are shared between processes with the last portion only."""
        if is_last or self._plan.processes.count == 1:
            return nullcontext()
        return self._joined[phase].no_sync()  # type: ignore[operator, no-any-return]

    def _randomness(self, phase: Phase, place: tuple[int, ...]) -> AbstractContextManager[object]:
        """What is left out is a function of the step, too."""
        return nullcontext() if phase.seed is None else seeded(phase.seed, "dropping", *place)
