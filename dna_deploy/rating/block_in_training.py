"""One block's supernet under training: a step of it, how far it is, where it is saved, and the course of its loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F

from dna_deploy.data.randomness import generator, seeded
from dna_deploy.errors import DivergedError
from dna_deploy.nets.checkpoint import Checkpoint
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.nets.supernet import Path as Choices
from dna_deploy.nets.supernet import SupernetBlock, Trunk
from dna_deploy.nets.teacher import Teacher
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.work import BlockWork
from dna_deploy.records.files import Provenance
from dna_deploy.records.training_history import TrainingHistory, thinned
from dna_deploy.spaces.space import SearchSpace

MEASURE = "mean squared error to the teacher's features"


@dataclass
class BlockInTraining:
    """A block, after ``step`` of ``total`` steps; ``losses`` are those of the latest steps, all where none is missing.

    ``remark`` says what was unusual about them, such as portions of a batch where memory was short.
    """

    work: BlockWork
    index: int
    total: int
    supernet: SupernetBlock
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    step: int
    losses: list[float]
    remark: str
    saved: int
    _loss: torch.Tensor = field(default_factory=lambda: torch.zeros(()))

    @classmethod
    def begin(cls, work: BlockWork, index: int, total: int) -> BlockInTraining:
        """The block as it was saved, or untrained."""
        supernet = build_supernet(work.space, index, work.teacher, work.config).to(work.compute.device).train()
        groups = parameter_groups(supernet, work.config.weight_decay)
        optimiser = torch.optim.Adam(groups, lr=work.config.learning_rate_of(index))
        checkpoint = Checkpoint(work.folder / f"supernet-{index + 1}.safetensors", work.identity)
        facts = checkpoint.resume(supernet, optimiser)
        step, losses, remark = int(facts["step"]), list(facts.get("losses", ())), str(facts.get("remark", ""))
        return cls(work, index, total, supernet, optimiser, checkpoint, step, losses, remark, step)

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
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        set_learning_rate(self.optimiser, self.work.config.learning_rate_of(self.index) * warm_cosine(self.step, self.total))
        self.optimiser.step()
        self.step += 1
        self.losses.append(loss)
        return loss

    def save(self, remark: str) -> None:
        """Saves where the block stands, unless that is saved already, and what is to be remarked about this process.

        Raises:
            DivergedError: a weight is no longer a number. What was saved before stays.
        """
        if self.saved == self.step:
            return
        if not all(bool(parameter.isfinite().all()) for parameter in self.supernet.parameters()):
            raise self._diverged("a weight is no longer a number")
        self.remark = remark or self.remark
        self.checkpoint.save(self.step, self.supernet, self.optimiser, losses=self.losses, remark=self.remark)
        self.saved = self.step

    def write_history(self, steps_per_epoch: int) -> None:
        """Writes how the training went, once it has ended."""
        path = history_path(self.work.folder, self.index)
        if path.exists() or not self.losses:  # supernets of older versions did not keep their losses
            return
        TrainingHistory(
            provenance=Provenance.now(),
            subject=f"block {self.index + 1}",
            measure=f"{MEASURE}; {self.remark}" if self.remark else MEASURE,
            steps=self.total,
            steps_per_epoch=steps_per_epoch,
            losses=thinned(self.losses, self.step - len(self.losses) + 1),
        ).write(path)

    def _diverged(self, what: str) -> DivergedError:
        return DivergedError(
            f"block {self.index + 1}: {what} at step {self.step + 1} of {self.total}",
            "lower the learning rate; the last good checkpoint is kept",
        )


def history_path(folder: Path, index: int) -> Path:
    """Where the history of a block's training lies."""
    return folder / f"history-{index + 1}.json"


def build_supernet(space: SearchSpace, index: int, teacher: Teacher, config: RatingConfig) -> SupernetBlock:
    """The untrained supernet of a block, its weights drawn from the seed for this block alone."""
    with seeded(config.seed, "supernet", index):
        supernet = SupernetBlock(space, index, teacher.shapes, edges=config.edges, share_depths=config.share_depths)
    return supernet.to(memory_format=torch.channels_last)


def sample_paths(trunks: Sequence[Trunk], index: int, seed: int, step: int) -> list[Choices]:
    """For every trunk of a block, a path drawn uniformly."""
    rng, cells = generator(seed, "paths", index, step), [trunk.cell for trunk in trunks]
    return [tuple(int(torch.randint(len(operations), (), generator=rng)) for operations in cell.layers) for cell in cells]
