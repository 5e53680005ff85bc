"""The course of a loss as a checkpoint keeps it, and as the record that a report reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dna_deploy.records.files import Provenance
from dna_deploy.records.model_card import Accuracy
from dna_deploy.records.training_history import EpochScore, TrainingHistory, thinned

FILE_NAME = "training-history.json"


@dataclass
class LossCurve:
    """A loss a step from ``first_step`` on, and how many validation images were right after each epoch.

    ``remark`` says what was unusual, such as portions of a batch where memory was short.
    """

    first_step: int = 1
    losses: list[float] = field(default_factory=list)
    right: dict[int, int] = field(default_factory=dict)
    remark: str = ""

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What a checkpoint kept; one of an earlier version kept nothing, so that the curve begins where it stood."""
        losses = list(facts.get("losses", ()))
        return cls(int(facts["step"]) - len(losses) + 1, losses, dict(facts.get("right", ())), facts.get("remark", ""))

    @property
    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        scores = {"right": list(self.right.items())} if self.right else {}
        return {"losses": self.losses, "remark": self.remark, **scores}

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.first_step + len(self.losses) - 1

    def record(
        self, subject: str, measure: str, steps: int, steps_per_epoch: int, rate: Callable[[int], float], images: int = 0
    ) -> TrainingHistory:
        """The record.

        Args:
            subject: What was trained.
            measure: What the loss is.
            steps: How many there were to be.
            steps_per_epoch: Of them.
            rate: The learning rate of a step, counted from 0.
            images: How many validation images there are.
        """
        points = thinned(self.losses, self.first_step)
        scores = (EpochScore(epoch=epoch, accuracy=Accuracy(correct=n, images=images)) for epoch, n in self.right.items())
        return TrainingHistory(
            provenance=Provenance.now(),
            subject=subject,
            measure=f"{measure}; {self.remark}" if self.remark else measure,
            steps=steps,
            steps_per_epoch=steps_per_epoch,
            losses=points,
            scores=tuple(scores),
            learning_rates=tuple(rate(point.step - 1) for point in points),
        )


def block_history(folder: Path, index: int) -> Path:
    """Where the history of a block's training lies, beside its supernet."""
    return folder / f"history-{index + 1}.json"
