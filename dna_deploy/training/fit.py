"""Trains a whole network by a recipe, and keeps the weights that were best on validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import UsageError
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.history import FILE_NAME, scores_of
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.objectives.labels import LabelLoss
from dna_deploy.learning.phase import Callback, Objective, Phase
from dna_deploy.learning.processes import Processes
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.progress import OnProgress
from dna_deploy.records.files import check_writable
from dna_deploy.records.score import Metrics
from dna_deploy.tasks.classification import Classification
from dna_deploy.tasks.task import Task
from dna_deploy.training.accuracy import outputs_on
from dna_deploy.training.batches import recipe_batches
from dna_deploy.training.dropping import drop_parts
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.schedule import learning_rates, make_optimiser

_PRECISIONS = {"off": "float32", "bf16": "bfloat16", "fp16": "float16"}


class SoftAnswers(Protocol):
    """Whoever gives soft answers, such as a teacher."""

    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """Of images ``(batch, channels, height, width)``: ``(batch, classes)``, without gradients."""


@dataclass(frozen=True)
class Run:
    """One training: what progress calls it, what names its inputs, the folder that resumes it, and where it computes."""

    name: str
    identity: str
    folder: Path
    compute: Compute
    subject: str = "network"
    """What its history says was trained."""


def fit(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    run: Run,
    *,
    task: Task | None = None,
    teacher: SoftAnswers | None = None,
    besides: Sequence[Objective] = (),
    on_progress: OnProgress,
    processes: Processes | None = None,
) -> BestEpoch:
    """Trains ``network`` in place and leaves the weights of its best epoch in it, and its history in the run's folder.

    Args:
        network: maps images to what the task makes answers of.
        data: trains on ``train``, chooses the epoch on ``validation``.
        recipe: how.
        run: where, and under which name.
        task: what the network is for; classification where none is given.
        teacher: whose soft answers are learnt as well.
        besides: what is minimised after that, in a step in which the network and its teacher have run.
        on_progress: hears of every step.
        processes: those that train it together; this one alone where there is none. Together they take no portions of a
            batch where memory is short: others would wait for this one at another place.

    Raises:
        DivergedError: the loss or a weight is no longer a number. The last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit in memory.
        UsageError: the batch cannot be divided over the processes, or the task knows no shares of classes.
    """
    task = task or Classification()
    if not task.takes_shares and (teacher is not None or recipe.mixup or recipe.cutmix):
        raise UsageError(f"the task {task.name!r} knows no shares of classes", "train it without a teacher, mixup and cutmix")
    check_writable(run.folder)
    processes = processes or Processes(device=run.compute.device)
    network.to(processes.device).to(memory_format=torch.channels_last).train()
    piece = recipe.piece(processes.count)
    portions = Portions(run.name, piece) if processes.count == 1 else Portions(run.name, piece, smallest=piece)
    changes = {"device": processes.device, "precision": _PRECISIONS[recipe.amp], "workers": 0}  # batches know one thread
    plan = TrainingPlan(run.name, portions, run.compute.model_copy(update=changes), recipe.accumulate, processes)
    state, best = begin(network, data, recipe, run, plan, task, teacher, besides)
    train([state], plan, on_progress)
    network.load_state_dict(dict(TensorFile.read(best.path).tensors))
    return best


def begin(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    run: Run,
    plan: TrainingPlan,
    task: Task,
    teacher: SoftAnswers | None,
    besides: Sequence[Objective] = (),
) -> tuple[TrainingState, BestEpoch]:
    """A network under training, as it was saved, and its best epoch so far."""
    drop_parts(network, recipe)
    batches = recipe_batches(data, recipe, plan.processes.device)
    steps = recipe.epochs * batches.steps_per_epoch
    soft = teacher.scores if teacher is not None and recipe.teacher_weight else None
    objective = LabelLoss(
        recipe.label_smoothing, soft, recipe.teacher_weight, recipe.temperature, of_labels=task.loss, name=task.loss_name
    )
    phase = Phase(
        objectives=[objective, *besides],
        group=network,
        optimiser=make_optimiser(network, recipe),
        rate=learning_rates(recipe, steps, batches.steps_per_epoch),
        batches=batches,
        histories={run.subject: run.folder / FILE_NAME},
        seed=recipe.seed if recipe.dropout or recipe.drop_path else None,
    )
    average = [MovingAverage(network, recipe.ema)] if recipe.ema else []
    judged = average[0].module if average else network
    best = BestEpoch(run.folder / "best.safetensors", judged, data, task, plan.processes)
    module = nn.ModuleDict({"network": network, "average": judged}) if average else network
    checkpoint = Checkpoint(run.folder / "checkpoint.safetensors", run.identity)
    return TrainingState(run.name, module, [phase], steps, checkpoint, plan.compute, [*average, best]), best


class MovingAverage(Callback):
    """A running mean of weights and statistics that forgets the beginning sooner, or short trainings would be nothing else."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        from timm.utils.model_ema import ModelEmaV3

        self._network, self._average = network, ModelEmaV3(network, decay=decay, use_warmup=True)
        self.module: nn.Module = self._average.module

    def after_step(self, step: int) -> None:
        self._average.update(self._network, step + 1)


class BestEpoch(Callback):
    """The weights of the epoch that scored best on the validation images; every process looks at its share."""

    def __init__(self, path: Path, network: nn.Module, data: ImageData, task: Task, processes: Processes) -> None:
        self.path, self.images = path, len(data.validation)
        self._network, self._data, self._task, self._processes = network, data, task, processes
        self.epoch = 0
        self.metrics: Metrics = ()

    def after_epoch(self, epoch: int) -> Metrics:
        """The metrics; the weights are kept if the first is better than that of those kept before."""
        metrics = self._judge()
        if not self.epoch or metrics[0].merit > self.metrics[0].merit:
            self.epoch, self.metrics = epoch, metrics
            if self._processes.is_first:
                TensorFile(self._network.state_dict(), {"epoch": epoch}).write(self.path)
        return metrics

    @property
    def remark(self) -> str:
        return f", best {self.metrics[0].text(self.metrics[0].value)}" if self.epoch else ""

    def restore(self, facts: Mapping[str, Any]) -> None:
        scores = scores_of(facts, self.images)
        if scores:
            self.epoch = max(scores, key=lambda epoch: (scores[epoch][0].merit, -epoch))
            self.metrics = scores[self.epoch]

    def _judge(self) -> Metrics:
        processes, validation = self._processes, self._data.validation
        processes.share_statistics(self._network)
        part = Split(validation.source, validation.indices[processes.rank :: processes.count])
        own = outputs_on(self._network, part, self._data, processes.device)
        return self._task.metrics(*map(processes.gathered, own))
