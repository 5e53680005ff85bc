"""Trains a one-shot supernet with labels: a batch a step, along one path that is drawn uniformly (SPOS, arXiv 1904.00420).

A path is a cell of every block, each as likely as the others, then an operation in each of its layers.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import Field

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import derived_seed, seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import DivergedError
from dna_deploy.nets.checkpoint import Checkpoint, Interval
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.interrupt import interrupts_held
from dna_deploy.nets.memory import memory_for
from dna_deploy.nets.one_shot import OneShotSupernet
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.teacherless import TeacherlessWork
from dna_deploy.records.files import Part
from dna_deploy.spaces.architecture import Architecture, BlockChoice
from dna_deploy.spaces.space import SearchSpace

METHOD = "one-shot"
_STEP = "one-shot supernet"


class OneShotConfig(Part):
    """Training and rating of a one-shot supernet."""

    epochs: int = Field(6, ge=1)
    batch: int = Field(64, ge=2)
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


OneShotWork = TeacherlessWork[OneShotConfig]


def one_shot_work(
    space: SearchSpace, data: ImageData, config: OneShotConfig, folder: Path, compute: Compute | None = None
) -> OneShotWork:
    """What a one-shot supernet is made from; its head gets as many classes as the data has."""
    classes = len(data.classes)
    fitting = space if space.classes == classes else space.with_classes(classes)
    return OneShotWork(METHOD, fitting, data, config, folder, compute or Compute())


def train_one_shot(work: OneShotWork, on_progress: OnProgress = silent) -> OneShotSupernet:
    """The trained supernet. One that was trained before is loaded, one that was begun is resumed.

    Raises:
        DivergedError: the loss is no longer a number; the last good checkpoint stays.
        UsageError: the folder holds the supernet of other inputs.
    """
    with work.compute.limited_threads():
        training = _Training.begin(work)
        work.write_run()
        total, interval = training.steps, Interval(work.compute.checkpoint_seconds)
        with interrupts_held() as interrupted:
            for step in range(training.step, total):
                with memory_for("training the one-shot supernet", work.config.batch):
                    loss = training.advance()
                if interrupted() or interval.is_over() or step + 1 == total:
                    training.save()
                on_progress(Progress(_STEP, step + 1, total, f"loss {loss:.3f}"))
                if interrupted():
                    raise KeyboardInterrupt
    return training.supernet


def build_one_shot(work: OneShotWork) -> OneShotSupernet:
    """The untrained supernet, its weights drawn from the seed."""
    with seeded(work.config.seed, METHOD):
        supernet = OneShotSupernet(work.space, share_depths=work.config.share_depths)
    return supernet.to(memory_format=torch.channels_last)


def sample_path(space: SearchSpace, seed: int, step: int) -> Architecture:
    """The network that is trained in a step."""
    rng = random.Random(derived_seed(seed, METHOD, "path", step))
    cells = [rng.choice(block.cells) for block in space.blocks]
    return Architecture(tuple(BlockChoice(cell.width, tuple(map(rng.choice, cell.layers))) for cell in cells))


@dataclass
class _Training:
    """A supernet, how far it is, and where it is saved."""

    work: OneShotWork
    supernet: OneShotSupernet
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    batches: TrainingBatches
    step: int

    @classmethod
    def begin(cls, work: OneShotWork) -> _Training:
        config, data, device = work.config, work.data, work.compute.device
        supernet = build_one_shot(work).to(device).train()
        optimiser = torch.optim.Adam(parameter_groups(supernet, config.weight_decay), lr=config.learning_rate)
        checkpoint = Checkpoint(work.folder / "one-shot.safetensors", work.identity)
        step = int(checkpoint.resume(supernet, optimiser)["step"])
        batches = TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, device)
        return cls(work, supernet, optimiser, checkpoint, batches, step)

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.work.config.epochs * self.batches.steps_per_epoch

    def save(self) -> None:
        self.checkpoint.save(self.step, self.supernet, self.optimiser)

    def advance(self) -> float:
        """One step along one path; layers off the path have no gradient and stay as they are. Returns the loss."""
        config, batch = self.work.config, self.batches.at(self.step)
        path = self.supernet.path(sample_path(self.work.space, config.seed, self.step))
        with self.work.compute.autocast():
            scores = path(batch.inputs)
        loss = F.cross_entropy(scores.float(), batch.labels(), label_smoothing=config.label_smoothing)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                f"the one-shot supernet's loss became {value} at step {self.step + 1} of {self.steps}",
                "lower the learning rate; the last good checkpoint is kept",
            )
        share = warm_cosine(self.step, self.steps, config.warm_up)
        set_learning_rate(self.optimiser, config.learning_rate * share)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        self.step += 1
        return value
