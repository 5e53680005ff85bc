"""Blocks that learnt apart learn to work together, before whole networks are stitched from them and rated.

A block has seen the teacher's clean features alone, never what the blocks before it make of them, and the errors of a chain are
not the sum of its blocks' errors. Here every step draws a network, runs its blocks end to end into the teacher's head, and
lessens the divergence from the teacher's answers. No label is used. The supernets of the block ratings stay as they are: the
weights that were learnt together are a file of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import derived_seed
from dna_deploy.nets.checkpoint import Checkpoint
from dna_deploy.nets.course import Course
from dna_deploy.nets.memory import Portions, memory_for
from dna_deploy.nets.resumable import run_steps
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.nets.soundness import check_loss, check_weights
from dna_deploy.nets.supernet import SupernetBlock, path_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.block_training import train_blocks, training_batches
from dna_deploy.rating.one_shot import sample_path
from dna_deploy.rating.work import BlockWork
from dna_deploy.records.files import Part, digest_of

SUBJECT = "blocks together"
MEASURE = "divergence from the teacher's answers"


class JointConfig(Part):
    """How long and how fast blocks learn together."""

    epochs: int = Field(6, ge=1)
    learning_rate: float = Field(2e-3, gt=0, description="of Adam, its highest value; a cosine brings it to zero")
    warm_up: float = Field(0.05, ge=0, lt=1, description="the share of all steps in which it rises")


def train_joint(work: BlockWork, config: JointConfig, on_progress: OnProgress = silent) -> dict[int, SupernetBlock]:
    """The supernets of all blocks after they learnt together. Those that did before are loaded, others resumed.

    Raises:
        DivergedError: the loss or a weight is no longer a number; the last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit either.
        UsageError: a checkpoint is damaged.
    """
    with work.compute.limited_threads():
        training = _Training.begin(work, config, train_blocks(work, range(len(work.space.blocks)), on_progress))
        steps = range(training.course.step, training.steps)
        run_steps(steps, training.advance, training.save, work.compute.checkpoint_seconds, on_progress)
    return training.supernets


@dataclass
class _Training:
    """All blocks, the course of their training, and where it is saved."""

    work: BlockWork
    config: JointConfig
    supernets: dict[int, SupernetBlock]
    every: nn.ModuleList
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    batches: TrainingBatches
    course: Course
    portions: Portions

    @classmethod
    def begin(cls, work: BlockWork, config: JointConfig, supernets: dict[int, SupernetBlock]) -> _Training:
        work.teacher.network.to(work.compute.device)
        every = nn.ModuleList(supernets[index] for index in sorted(supernets)).train()
        optimiser = torch.optim.Adam(parameter_groups(every, work.config.weight_decay), lr=config.learning_rate)
        identity = digest_of(f"{work.identity} {config.model_dump_json()}".encode())
        checkpoint = Checkpoint(work.folder / f"joint-{identity[7:15]}.safetensors", identity)
        course = Course.of_facts(checkpoint.resume(every, optimiser))
        portions = Portions(f"training {SUBJECT}", work.config.batch)
        return cls(work, config, supernets, every, optimiser, checkpoint, training_batches(work), course, portions)

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.config.epochs * self.batches.steps_per_epoch

    def save(self) -> None:
        """Saves where the training stands, and its history so far."""
        check_weights(self.every, SUBJECT, self.course.step, self.steps)
        self.course.remark = self.portions.remark or self.course.remark
        history = self.course.history(SUBJECT, MEASURE, self.steps, self.batches.steps_per_epoch)
        history.write(self.work.folder / "history-joint.json")
        self.checkpoint.save(self.course.step, self.every, self.optimiser, **self.course.facts)

    def advance(self, step: int) -> Progress:
        """One step of one drawn network; layers that it does not have stay as they are."""
        loss = self.portions.run(partial(self._learn, step))
        check_loss(loss, SUBJECT, step, self.steps)
        set_learning_rate(self.optimiser, self.config.learning_rate * warm_cosine(step, self.steps, self.config.warm_up))
        with memory_for(self.portions.what, self.portions.batch):  # an optimiser's first step takes memory as well
            self.optimiser.step()
        self.course.losses.append(loss)
        return Progress(SUBJECT, step + 1, self.steps, f"loss {loss:.3f}", self.portions.news())

    def _learn(self, step: int, portions: int) -> float:
        """Gathers the gradients of a step's batch, which is run in so many portions. Returns the loss."""
        space, images = self.work.space, self.batches.at(step).inputs
        network = sample_path(space, derived_seed(self.work.config.seed, "joint"), step)
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for part in images.tensor_split(portions):
            wanted = F.log_softmax(self.work.teacher.scores(part).float(), 1)
            with self.work.compute.autocast():
                features = part
                for supernet, block, choice in zip(self.every, space.blocks, network.blocks, strict=True):
                    features = supernet(features, *path_of(block, choice))
                scores = self.work.teacher.network.head(features)  # type: ignore[operator]
            found = F.log_softmax(scores.float(), 1)
            loss = F.kl_div(found, wanted, reduction="batchmean", log_target=True) * len(part) / len(images)
            torch.autograd.backward(loss)
            total += float(loss.detach())
        return total
