"""The training loop: resumes where a kill left it, keeps the weights that were best on validation images.

Every step is a function of the seed and the step's number, so a resumed run ends with the very weights of an
uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.splits import ImageData, Split
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.course import FILE_NAME, Course
from dna_deploy.learning.resumable import run_steps
from dna_deploy.learning.soundness import check_loss, check_weights
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.score import ACCURACY, Metrics, share
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.learner import Learner
from dna_deploy.training.lessons import Lessons
from dna_deploy.training.objective import Objective
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.team import Team


@dataclass(frozen=True)
class Run:
    """One training: what progress calls it, what names its inputs, the folder that resumes it, and where it computes."""

    name: str
    identity: str
    folder: Path
    compute: Compute
    subject: str = "network"
    """What its history says was trained."""


@dataclass(frozen=True)
class Fitted:
    """Where a training ended: the best weights by validation are in the network already."""

    best_epoch: int
    validation: Metrics


def fit(
    network: nn.Module,
    objective: Objective,
    data: ImageData,
    recipe: Recipe,
    run: Run,
    *,
    on_progress: OnProgress,
    team: Team | None = None,
) -> Fitted:
    """Trains ``network`` in place and leaves the weights of its best epoch in it, and its history in the run's folder.

    Args:
        network: maps images to class scores.
        objective: what is minimised.
        data: trains on ``train``, chooses the epoch on ``validation``.
        recipe: how.
        run: where, and under which name.
        on_progress: hears of every step.
        team: the processes that train it together; this one alone where there is none.

    Raises:
        DivergedError: the loss or a weight is no longer a number. The last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit in memory.
        UsageError: the batch cannot be divided over the processes.
    """
    team = team or Team(device=run.compute.device)
    network.to(team.device).to(memory_format=torch.channels_last)
    piece = recipe.piece(team.size)
    lessons = Lessons(data, recipe, recipe.batch // piece, team.device)
    learner = Learner(network, objective, lessons, recipe, team, what=run.name)
    checkpoint = Checkpoint(run.folder / "checkpoint.safetensors", run.identity)
    facts = checkpoint.resume(learner.kept, learner.optimiser)
    learner.resume(facts)
    course = Course.of_facts(facts, len(data.validation))
    best = _Best(run.folder / "best.safetensors", course.scores)
    network.train()

    def advance(step: int) -> Progress:
        loss = learner.step(step)
        check_loss(loss, run.name, step, learner.total)
        course.losses.append(loss)
        course.remark = learner.portions.remark or course.remark
        epoch, rest = divmod(step + 1, lessons.steps_per_epoch)
        if rest == 0:
            course.scores[epoch] = _judge(learner.judged, data, team)
            if best.epoch == epoch and team.is_first:
                TensorFile(learner.judged.state_dict(), {"epoch": epoch}).write(best.path)
        return Progress(run.name, step + 1, learner.total, f"loss {loss:.3f}{best}", learner.portions.news())

    def save() -> None:
        if team.is_first:
            check_weights(learner.kept, run.name, course.step, learner.total)
            checkpoint.save(course.step, learner.kept, learner.optimiser, **course.facts, **learner.facts)

    tell = on_progress if team.is_first else silent
    run_steps(range(course.step, learner.total), advance, save, run.compute.checkpoint_seconds, tell)
    if team.is_first:
        shape = (learner.total, lessons.steps_per_epoch)
        history = course.history(run.subject, objective.measure, *shape, rate=learner.schedule.rate)
        history.write(run.folder / FILE_NAME)
    team.wait()
    network.load_state_dict(dict(TensorFile.read(best.path).tensors))
    return Fitted(best.epoch, course.scores[best.epoch])


@dataclass(frozen=True)
class _Best:
    """The file of the weights that scored best on the validation images, and all scores so far, by epoch."""

    path: Path
    scores: Mapping[int, Metrics]

    @property
    def epoch(self) -> int:
        """The epoch that scored best by its first metric, of equals the first."""
        return max(self.scores, key=lambda epoch: (self.scores[epoch][0].merit, -epoch))

    def __str__(self) -> str:
        if not self.scores:
            return ""
        metric = self.scores[self.epoch][0]
        return f", best {metric.text(metric.value)}"


def _judge(network: nn.Module, data: ImageData, team: Team) -> Metrics:
    """The metrics of a network on the validation images; every process looks at its share."""
    team.share_statistics(network)
    part = Split(data.validation.source, data.validation.indices[team.rank :: team.size])
    count = round(team.total(measure_accuracy(network, part, data, team.device).count or 0))
    return (share(ACCURACY, count, len(data.validation)),)
