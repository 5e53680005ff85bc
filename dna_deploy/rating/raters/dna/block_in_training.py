"""One block's supernet under training: a step of it, how far it is, where it is saved, and the course of its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from dna_deploy.data.randomness import generator, seeded
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.course import Course, block_history
from dna_deploy.learning.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.learning.soundness import check_loss, check_weights
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.block import CellPath, Trunk
from dna_deploy.spaces.space import SearchSpace

MEASURE = "mean squared error to the teacher's features"


@dataclass
class BlockInTraining:
    """A block after some of ``total`` steps, and their course; ``saved`` is the step that the checkpoint holds."""

    work: BlockWork
    index: int
    total: int
    supernet: SupernetBlock
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    course: Course
    saved: int
    _loss: torch.Tensor = field(default_factory=lambda: torch.zeros(()))

    @classmethod
    def begin(cls, work: BlockWork, index: int, total: int) -> BlockInTraining:
        """The block as it was saved, or untrained."""
        supernet = build_supernet(work.space, index, work.teacher, work.config).to(work.compute.device).train()
        groups = parameter_groups(supernet, work.config.weight_decay)
        optimiser = torch.optim.Adam(groups, lr=work.config.learning_rate_of(index))
        checkpoint = Checkpoint(work.folder / f"supernet-{index + 1}.safetensors", work.identity)
        course = Course.of_facts(checkpoint.resume(supernet, optimiser))
        return cls(work, index, total, supernet, optimiser, checkpoint, course, course.step)

    @property
    def name(self) -> str:
        """What a reader calls it."""
        return f"block {self.index + 1}"

    @property
    def step(self) -> int:
        """How many steps were taken."""
        return self.course.step

    def begin_step(self) -> None:
        """Forgets gradients: those of the step before, or of a step that did not fit in memory."""
        self.optimiser.zero_grad(set_to_none=True)
        self._loss = torch.zeros(())

    def learn(self, features: Sequence[torch.Tensor], share: float) -> None:
        """Gathers gradients from a portion of the batch, a ``share`` of it.

        The loss is the plain mean squared error of one uniform path a trunk, at every depth that is a cell.
        """
        paths = sample_paths(self.supernet.plan, self.index, self.work.config.seed, self.step)
        wanted = features[self.index + 1]
        with self.work.compute.autocast():
            outputs = self.supernet.forward_paths(features[self.index], paths)
            loss = share * torch.stack([F.mse_loss(output, wanted) for output in outputs]).mean()
        self._loss = self._loss.to(loss.device) + loss.detach()
        if loss.requires_grad:  # paths of layers without weights have nothing to learn
            torch.autograd.backward(loss)

    def end_step(self) -> float:
        """Changes the weights by what was gathered; the loss of the batch.

        Raises:
            DivergedError: the loss is no longer a number. Weights are as before the step.
        """
        loss = float(self._loss)
        check_loss(loss, self.name, self.step, self.total)
        set_learning_rate(self.optimiser, self.work.config.learning_rate_of(self.index) * warm_cosine(self.step, self.total))
        self.optimiser.step()
        self.course.losses.append(loss)
        return loss

    def save(self, remark: str) -> None:
        """Saves where the block stands, unless that is saved already, and its history so far.

        ``remark`` is what is unusual about this process.

        Raises:
            DivergedError: a weight is no longer a number. What was saved before stays.
        """
        if self.saved == self.step:
            return
        check_weights(self.supernet, self.name, self.step, self.total)
        self.course.remark = remark or self.course.remark
        self._write_history()
        self.checkpoint.save(self.step, self.supernet, self.optimiser, **self.course.facts)
        self.saved = self.step

    def restore_history(self) -> None:
        """Writes the history again if it is lost; supernets of earlier versions kept no losses."""
        if self.course.losses and not block_history(self.work.folder, self.index).exists():
            self._write_history()

    def _write_history(self) -> None:
        epochs = self.work.config.epochs
        history = self.course.history(self.name, MEASURE, self.total, self.total // epochs)
        history.write(block_history(self.work.folder, self.index))


def build_supernet(space: SearchSpace, index: int, teacher: Teacher, config: RatingConfig) -> SupernetBlock:
    """The untrained supernet of a block, its weights drawn from the seed for this block alone."""
    with seeded(config.seed, "supernet", index):
        supernet = SupernetBlock(space, index, teacher.shapes, edges=config.edges, share_depths=config.share_depths)
    return supernet.to(memory_format=torch.channels_last)


def sample_paths(trunks: Sequence[Trunk], index: int, seed: int, step: int) -> list[CellPath]:
    """For every trunk of a block, a path drawn uniformly."""
    rng = generator(seed, "paths", index, step)
    return [trunk.cell.draw(lambda count: int(torch.randint(count, (), generator=rng))) for trunk in trunks]
