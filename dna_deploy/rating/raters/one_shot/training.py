"""Trains a one-shot supernet with labels: a batch a step, along one path that is drawn uniformly (SPOS, arXiv 1904.00420).

A path is a cell of every block, each as likely as the others, then an operation in each of its layers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import Field

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import derived_seed, seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.course import FILE_NAME, Course
from dna_deploy.learning.memory import Portions, memory_for
from dna_deploy.learning.resumable import run_steps
from dna_deploy.learning.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.learning.soundness import check_loss, check_weights
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.work import RatingWork
from dna_deploy.records.files import Part
from dna_deploy.records.training_history import ONE_SHOT
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace

METHOD = "one-shot"
MEASURE = "cross entropy with the labels, along one path a step"


class OneShotConfig(Part):
    """Training and rating of a one-shot supernet."""

    epochs: int = Field(6, ge=1)
    batch: int = Field(16, ge=2, description="images a step: more steps tell more than larger batches, as for block supernets")
    learning_rate: float = Field(4e-3, gt=0, description="of Adam, its highest value; a cosine brings it to zero")
    weight_decay: float = Field(1e-4, ge=0)
    warm_up: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    share_depths: bool = Field(True, description="cells of one width share layers, shallower ones stop early; else none do")
    calibration_images: int = Field(
        512, ge=2, description="training images that give a path its batch statistics before it is rated"
    )
    rating_batch: int = Field(250, ge=2)
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0)


OneShotWork = RatingWork[OneShotConfig, None]


def one_shot_work(
    space: SearchSpace, data: ImageData, config: OneShotConfig, folder: Path, compute: Compute | None = None
) -> OneShotWork:
    """What a one-shot supernet is made from; its head gets as many classes as the data has."""
    classes = len(data.classes)
    fitting = space if space.classes == classes else space.with_classes(classes)
    return OneShotWork.of(METHOD, fitting, None, data, config, folder, compute)


def train_one_shot(work: OneShotWork, on_progress: OnProgress = silent) -> OneShotSupernet:
    """The trained supernet. One that was trained before is loaded, one that was begun is resumed.

    Beside it lies its history so far. Where memory is short, batches are run in portions, which progress and history say.

    Raises:
        DivergedError: the loss or a weight is no longer a number; the last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit either.
        UsageError: the folder holds the supernet of other inputs.
    """
    with work.compute.limited_threads():
        training = _Training.begin(work)
        work.write_run()
        steps = range(training.course.step, training.steps)
        run_steps(steps, training.advance, training.save, work.compute.checkpoint_seconds, on_progress)
        training.restore_history()
    return training.supernet


def build_one_shot(work: OneShotWork) -> OneShotSupernet:
    """The untrained supernet, its weights drawn from the seed."""
    with seeded(work.config.seed, METHOD):
        supernet = OneShotSupernet(work.space, share_depths=work.config.share_depths)
    return supernet.to(memory_format=torch.channels_last)


def sample_path(space: SearchSpace, seed: int, step: int) -> Architecture:
    """The network that is trained in a step."""
    return space.sample_cells_evenly(random.Random(derived_seed(seed, METHOD, "path", step)))


@dataclass
class _Training:
    """A supernet, the course of its training, and where it is saved."""

    work: OneShotWork
    supernet: OneShotSupernet
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    batches: TrainingBatches
    course: Course
    portions: Portions

    @classmethod
    def begin(cls, work: OneShotWork) -> _Training:
        config, data, device = work.config, work.data, work.compute.device
        supernet = build_one_shot(work).to(device).train()
        optimiser = torch.optim.Adam(parameter_groups(supernet, config.weight_decay), lr=config.learning_rate)
        checkpoint = Checkpoint(work.folder / "one-shot.safetensors", work.identity)
        course = Course.of_facts(checkpoint.resume(supernet, optimiser))
        batches = TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, device)
        return cls(work, supernet, optimiser, checkpoint, batches, course, Portions(f"training the {ONE_SHOT}", config.batch))

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.work.config.epochs * self.batches.steps_per_epoch

    def save(self) -> None:
        """Saves where the training stands, and its history so far."""
        check_weights(self.supernet, ONE_SHOT, self.course.step, self.steps)
        self.course.remark = self.portions.remark or self.course.remark
        self._write_history()
        self.checkpoint.save(self.course.step, self.supernet, self.optimiser, **self.course.facts)

    def restore_history(self) -> None:
        """Writes the history again if it is lost; supernets of earlier versions kept none."""
        if self.course.losses and not (self.work.folder / FILE_NAME).exists():
            self._write_history()

    def _write_history(self) -> None:
        history = self.course.history(ONE_SHOT, MEASURE, self.steps, self.batches.steps_per_epoch)
        history.write(self.work.folder / FILE_NAME)

    def advance(self, step: int) -> Progress:
        """One step along one path; layers off the path have no gradient and stay as they are."""
        loss = self.portions.run(partial(self._learn, step))
        check_loss(loss, ONE_SHOT, step, self.steps)
        share = warm_cosine(step, self.steps, self.work.config.warm_up)
        set_learning_rate(self.optimiser, self.work.config.learning_rate * share)
        with memory_for(self.portions.what, self.portions.batch):  # an optimiser's first step takes memory as well
            self.optimiser.step()
        self.course.losses.append(loss)
        return Progress(ONE_SHOT, step + 1, self.steps, f"loss {loss:.3f}", self.portions.news())

    def _learn(self, step: int, portions: int) -> float:
        """Gathers the gradients of a step's batch, which is run in so many portions. Returns the loss."""
        config, batch = self.work.config, self.batches.at(step)
        path = self.supernet.path(sample_path(self.work.space, config.seed, step))
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        pairs = zip(batch.inputs.tensor_split(portions), batch.labels().tensor_split(portions), strict=True)
        for images, labels in pairs:
            with self.work.compute.autocast():
                scores = path(images)
            loss = F.cross_entropy(scores.float(), labels, label_smoothing=config.label_smoothing)
            loss = len(images) / len(batch.inputs) * loss
            torch.autograd.backward(loss)
            total += float(loss.detach())
        return total
