"""A module under training: its phases, how far it is, the course of its losses, and the file that holds all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.history import LossCurve
from dna_deploy.learning.phase import Callback, Phase
from dna_deploy.learning.soundness import check_weights


class TrainingState:
    """A ``module`` after some of its ``steps``, as its checkpoint holds it; ``saved`` is the step that is there."""

    def __init__(
        self,
        name: str,
        module: nn.Module,
        phases: Sequence[Phase],
        steps: int,
        checkpoint: Checkpoint,
        compute: Compute,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """The module, optimisers and callbacks go on from the checkpoint, if there is one.

        Args:
            name: what a reader calls the module.
            module: everything that is saved.
            phases: the updates of a step, one after the other.
            steps: how many there are in all.
            checkpoint: the file.
            compute: the device and precision.
            callbacks: what else is done between steps, after objectives and samplers that are callbacks themselves.

        Raises:
            UsageError: the checkpoint is damaged, or belongs to other inputs.
        """
        self.name, self.module, self.phases, self.steps = name, module, phases, steps
        parts: list[object] = [part for phase in phases for part in (*phase.objectives, phase.sampler)]
        self.callbacks: list[Callback] = [*(part for part in parts if isinstance(part, Callback)), *callbacks]
        self.scaler = compute.gradient_scaler()
        self._checkpoint = checkpoint
        facts = checkpoint.resume(module, [phase.optimiser for phase in phases])
        if facts.get("scaler"):
            self.scaler.load_state_dict(facts["scaler"])
        for callback in self.callbacks:
            callback.restore(facts)
        subjects = [subject for phase in phases for subject in phase.histories]
        courses = facts.get("courses", [facts if len(subjects) == 1 else {}] * len(subjects))
        images = max((callback.images for callback in callbacks), default=0)
        self.curves = [LossCurve.of_facts({"step": facts["step"], **course}, images) for course in courses]
        self.saved = self.step

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.curves[0].step

    @property
    def steps_per_epoch(self) -> int:
        return self.phases[0].batches.steps_per_epoch

    def finish_step(self, losses: Sequence[float]) -> None:
        """Notes a step whose losses are those of all phases."""
        step = self.step
        for callback in self.callbacks:
            callback.after_step(step)
        for curve, loss in zip(self.curves, losses, strict=True):
            curve.losses.append(loss)
        epoch, rest = divmod(self.step, self.steps_per_epoch)
        for callback in self.callbacks if rest == 0 else ():
            if metrics := callback.after_epoch(epoch):
                self.curves[0].scores[epoch] = metrics

    def save(self, remark: str) -> None:
        """Saves where the module stands, and its histories so far, unless that is saved already or not worth it.

        ``remark`` is what is unusual about this process.

        Raises:
            DivergedError: a weight is no longer a number. What was saved before stays.
        """
        is_sound = all(callback.is_sound for callback in self.callbacks)
        if self.saved == self.step or (self.step < self.steps and not is_sound):
            return
        check_weights(self.module, self.name, self.step, self.steps)
        for curve in self.curves:
            curve.remark = remark or curve.remark
        self._write_histories()
        self._checkpoint.save(self.step, self.module, [phase.optimiser for phase in self.phases], **self._facts())
        self.saved = self.step

    def restore_histories(self) -> None:
        """Writes the histories again if one is lost; checkpoints of earlier versions kept no losses."""
        if self.curves[0].losses and not all(path.exists() for phase in self.phases for path in phase.histories.values()):
            self._write_histories()

    def _facts(self) -> dict[str, Any]:
        courses = [curve.facts for curve in self.curves]
        facts = courses[0] if len(courses) == 1 else {"courses": courses}
        for callback in self.callbacks:
            facts |= callback.facts()
        return {**facts, "scaler": self.scaler.state_dict()} if self.scaler.is_enabled() else facts

    def _write_histories(self) -> None:
        curves = iter(self.curves)
        for phase in self.phases:
            for subject, path in phase.histories.items():
                shape = (self.steps, self.steps_per_epoch)
                next(curves).record(subject, phase.measure, *shape, phase.rate).write(path)
