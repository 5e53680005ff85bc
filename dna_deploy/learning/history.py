"""The course of a loss as a checkpoint keeps it, and as the record that a report reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from dna_deploy.records.files import Provenance
from dna_deploy.records.score import ACCURACY, Metric, Metrics, share
from dna_deploy.records.training_history import EpochScore, TrainingHistory, thinned

FILE_NAME = "training-history.json"


@dataclass
class LossCurve:
    """A loss a step from ``first_step`` on, and the metrics on validation images after each epoch.

    ``remark`` says what was unusual, such as portions of a batch where memory was short.
    """

    first_step: int = 1
    losses: list[float] = field(default_factory=list)
    scores: dict[int, Metrics] = field(default_factory=dict)
    remark: str = ""

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], images: int = 0) -> Self:
        """What a checkpoint kept; one of an earlier version kept nothing, so that the curve begins where it stood."""
        losses = list(facts.get("losses", ()))
        return cls(int(facts["step"]) - len(losses) + 1, losses, scores_of(facts, images), facts.get("remark", ""))

    @property
    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        scores = [(epoch, [metric.model_dump(mode="json") for metric in metrics]) for epoch, metrics in self.scores.items()]
        return {"losses": self.losses, "remark": self.remark, **({"scores": scores} if scores else {})}

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.first_step + len(self.losses) - 1

    def record(
        self, subject: str, measure: str, steps: int, steps_per_epoch: int, rate: Callable[[int], float]
    ) -> TrainingHistory:
        """The record.

        Args:
            subject: What was trained.
            measure: What the loss is.
            steps: How many there were to be.
            steps_per_epoch: Of them.
            rate: The learning rate of a step, counted from 0.
        """
        points = thinned(self.losses, self.first_step)
        return TrainingHistory(
            provenance=Provenance.now(),
            subject=subject,
            measure=f"{measure}; {self.remark}" if self.remark else measure,
            steps=steps,
            steps_per_epoch=steps_per_epoch,
            losses=points,
            scores=tuple(EpochScore(epoch=epoch, metrics=metrics) for epoch, metrics in self.scores.items()),
            learning_rates=tuple(rate(point.step - 1) for point in points),
        )


def scores_of(facts: Mapping[str, Any], images: int) -> dict[int, Metrics]:
    """The metrics that a checkpoint kept, by epoch; before there were others than accuracy, how many images were right."""
    scores: dict[int, Metrics] = {epoch: (share(ACCURACY, right, images),) for epoch, right in facts.get("right", ())}
    return scores | {epoch: tuple(map(Metric.model_validate, metrics)) for epoch, metrics in facts.get("scores", ())}


def block_history(folder: Path, index: int) -> Path:
    """Where the history of a block's training lies, beside its supernet."""
    return folder / f"history-{index + 1}.json"
