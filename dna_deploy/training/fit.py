"""The training loop: resumes where a kill left it, keeps the weights that were best on validation images.

Every step is a function of the seed and the step's number, so a resumed run ends with the very weights of an
uninterrupted one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import DivergedError
from dna_deploy.nets.checkpoint import Checkpoint, Interval
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.interrupt import interrupts_held
from dna_deploy.nets.memory import memory_for
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.nets.tensor_file import TensorFile
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.model_card import Accuracy
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.objective import Objective
from dna_deploy.training.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """One training: what progress calls it, what names its inputs, the folder that resumes it, and where it computes."""

    name: str
    identity: str
    folder: Path
    compute: Compute


@dataclass(frozen=True)
class Fitted:
    """Where a training ended: the best weights by validation are in the network already."""

    best_epoch: int
    validation: Accuracy


def fit(
    network: nn.Module,
    objective: Objective,
    data: ImageData,
    recipe: Recipe,
    run: Run,
    *,
    on_progress: OnProgress,
) -> Fitted:
    """Trains ``network`` in place and leaves the weights of its best epoch in it.

    Args:
        network: maps images to class scores.
        objective: what is minimised.
        data: trains on ``train``, chooses the epoch on ``validation``.
        recipe: how.
        run: where, and under which name.
        on_progress: hears of every step.

    Raises:
        DivergedError: the loss is no longer a number. The last good checkpoint stays.
    """
    device = run.compute.device
    network.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(parameter_groups(network, recipe.weight_decay), lr=recipe.learning_rate)
    checkpoint = Checkpoint(run.folder / "checkpoint.safetensors", run.identity)
    facts = checkpoint.resume(network, optimiser)
    best = _Best(run.folder / "best.safetensors", len(data.validation), *facts.get("best", (0, 0)))
    batches = TrainingBatches(data.train, data.normalisation, recipe.augmentation, recipe.batch, recipe.seed, device)
    total, interval = recipe.epochs * batches.steps_per_epoch, Interval(run.compute.checkpoint_seconds)
    network.train()
    with interrupts_held() as interrupted:
        for step in range(facts["step"], total):
            set_learning_rate(optimiser, recipe.learning_rate * warm_cosine(step, total, recipe.warm_up))
            with memory_for(run.name, recipe.batch):
                loss = _step(network, objective, batches, step, optimiser)
            if not math.isfinite(loss):
                raise DivergedError(
                    f"{run.name}: the loss became {loss} at step {step + 1} of {total}",
                    "lower the learning rate; the last good checkpoint is kept",
                )
            epoch, rest = divmod(step + 1, batches.steps_per_epoch)
            if rest == 0:
                best.consider(network, measure_accuracy(network, data.validation, data, device).correct, epoch)
            if interrupted() or interval.is_over():
                checkpoint.save(step + 1, network, optimiser, best=(best.correct, best.epoch))
            on_progress(Progress(run.name, step + 1, total, f"loss {loss:.3f}{best}"))
            if interrupted():
                raise KeyboardInterrupt
    network.load_state_dict(dict(TensorFile.read(best.path).tensors))
    return Fitted(best.epoch, Accuracy(correct=best.correct, images=best.images))


@dataclass
class _Best:
    """The weights of the epoch that was right most often on the validation images."""

    path: Path
    images: int
    correct: int
    epoch: int

    def consider(self, network: nn.Module, correct: int, epoch: int) -> None:
        """Keeps the weights if they are better than those kept before."""
        if correct > self.correct or not self.epoch:
            self.correct, self.epoch = correct, epoch
            TensorFile(network.state_dict(), {"epoch": epoch}).write(self.path)

    def __str__(self) -> str:
        return f", best {self.correct / self.images:.2%}" if self.epoch else ""


def _step(
    network: nn.Module, objective: Objective, batches: TrainingBatches, step: int, optimiser: torch.optim.Optimizer
) -> float:
    batch = batches.at(step)
    loss = objective(network(batch.inputs), batch)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())
