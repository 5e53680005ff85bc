"""How a training went: its loss along the steps and its scores after epochs. What rating and training leave for a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from dna_deploy.records.files import Migration, Part, Provenance, Record
from dna_deploy.records.score import Metrics, of_accuracy

MOST_POINTS = 300
"""A curve is read by eye: more points than a line has pixels say nothing."""


class LossPoint(Part):
    """The mean loss of the steps since the point before."""

    step: int = Field(ge=1, description="the last step that it speaks of")
    loss: float


class EpochScore(Part):
    """What was scored on held-out images after an epoch."""

    epoch: int = Field(ge=1)
    metrics: Metrics = Field(min_length=1, description="the first decides which epoch is best")


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 scored accuracy alone."""
    scores = [{"epoch": score["epoch"], "metrics": [of_accuracy(score["accuracy"])]} for score in body.get("scores", ())]
    return {**body, "scores": scores}


class TrainingHistory(Record):
    """The course of one training: of a block's supernet, of the teacher, or of the final network."""

    KIND: ClassVar[str] = "training-history"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    subject: str = Field(description="'block 1', 'block 2', ..., 'teacher', 'network' or 'one-shot supernet'")
    measure: str = Field(description="what the loss is, such as 'mean squared error to the features of the teacher'")
    steps: int = Field(ge=1, description="how many steps were planned")
    steps_per_epoch: int = Field(ge=1)
    losses: tuple[LossPoint, ...]
    scores: tuple[EpochScore, ...] = ()
    learning_rates: tuple[float, ...] = Field((), description="at the last step of each point of `losses`; empty: not told")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        steps = [point.step for point in self.losses]
        if steps != sorted(set(steps)):
            raise ValueError("the points of the curve are not in order")
        if self.learning_rates and len(self.learning_rates) != len(self.losses):
            raise ValueError("there is not one learning rate a point of the curve")
        return self

    @property
    def best(self) -> EpochScore | None:
        """The epoch that scored best by its first metric, of equals the first; None where nothing was scored."""
        return max(self.scores, key=lambda score: score.metrics[0].merit, default=None)

    @property
    def block(self) -> int | None:
        """Which block it is about, from 0; None where it is about a whole network."""
        kind, _, number = self.subject.partition(" ")
        return int(number) - 1 if kind == "block" and number.isdecimal() else None


def thinned(losses: Sequence[float], first_step: int = 1, most: int = MOST_POINTS) -> tuple[LossPoint, ...]:
    """A loss a step as a curve of at most ``most`` points, each the mean over equally many steps but the last."""
    width = max(1, -(-len(losses) // most))
    groups = [losses[start : start + width] for start in range(0, len(losses), width)]
    ends = [first_step - 1 + min(len(losses), (index + 1) * width) for index in range(len(groups))]
    return tuple(LossPoint(step=end, loss=sum(group) / len(group)) for end, group in zip(ends, groups, strict=True))
