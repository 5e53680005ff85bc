"""Trains the supernets of some blocks from a teacher's features: one pass of the teacher a batch serves all of them.

Blocks know nothing of each other: each has its own weights, optimiser, checkpoint and randomness. So it makes no
difference which blocks share a process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import generator, seeded
from dna_deploy.errors import DivergedError
from dna_deploy.nets.checkpoint import Checkpoint, Interval
from dna_deploy.nets.interrupt import interrupts_held
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.nets.supernet import Path, SupernetBlock, Trunk
from dna_deploy.nets.teacher import Teacher
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.work import BlockWork
from dna_deploy.spaces.space import SearchSpace


@dataclass
class BlockInTraining:
    """One block's supernet, how far it is, and where it is saved."""

    index: int
    supernet: SupernetBlock
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    step: int
    saved: int

    def save(self) -> None:
        """Saves where the block stands, unless that is saved already."""
        if self.saved != self.step:
            self.checkpoint.save(self.step, self.supernet, self.optimiser)
            self.saved = self.step


def train_blocks(work: BlockWork, indices: Sequence[int], on_progress: OnProgress) -> dict[int, SupernetBlock]:
    """The trained supernets of some blocks. Those that were trained before are loaded, others resumed.

    Raises:
        DivergedError: a block's loss is no longer a number; its last good checkpoint stays.
    """
    blocks = [_begin(work, index) for index in indices]
    batches = training_batches(work)
    total, interval = work.config.epochs * batches.steps_per_epoch, Interval(work.compute.checkpoint_seconds)
    with interrupts_held() as interrupted:
        for step in range(min(block.step for block in blocks), total):
            images = batches.at(step).inputs
            features = [images, *work.teacher.features(images)]
            losses = [_train_step(block, features, work.config, total) for block in blocks if block.step == step]
            if interrupted() or interval.is_over() or step + 1 == total:
                for block in blocks:
                    block.save()
            on_progress(Progress("supernets", step + 1, total, f"loss {' '.join(f'{loss:.3f}' for loss in losses)}"))
            if interrupted():
                raise KeyboardInterrupt
    return {block.index: block.supernet for block in blocks}


def training_batches(work: BlockWork) -> TrainingBatches:
    """The batches on which supernets are trained."""
    config, data = work.config, work.data
    return TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, work.compute.device)


def build_supernet(space: SearchSpace, index: int, teacher: Teacher, config: RatingConfig) -> SupernetBlock:
    """The untrained supernet of a block, its weights drawn from the seed for this block alone."""
    with seeded(config.seed, "supernet", index):
        supernet = SupernetBlock(space, index, teacher.shapes, edges=config.edges, share_depths=config.share_depths)
    return supernet.to(memory_format=torch.channels_last)


def sample_paths(trunks: Sequence[Trunk], index: int, seed: int, step: int) -> list[Path]:
    """For every trunk of a block, a path drawn uniformly."""
    rng, cells = generator(seed, "paths", index, step), [trunk.cell for trunk in trunks]
    return [tuple(int(torch.randint(len(operations), (), generator=rng)) for operations in cell.layers) for cell in cells]


def _begin(work: BlockWork, index: int) -> BlockInTraining:
    supernet = build_supernet(work.space, index, work.teacher, work.config).to(work.compute.device).train()
    groups = parameter_groups(supernet, work.config.weight_decay)
    optimiser = torch.optim.Adam(groups, lr=work.config.learning_rate_of(index))
    checkpoint = Checkpoint(work.folder / f"supernet-{index + 1}.safetensors", work.identity)
    step = int(checkpoint.resume(supernet, optimiser)["step"])
    return BlockInTraining(index, supernet, optimiser, checkpoint, step, step)


def _train_step(block: BlockInTraining, features: Sequence[torch.Tensor], config: RatingConfig, total: int) -> float:
    """One step of one block: plain mean squared error of one uniform path a trunk, at every depth that is a cell."""
    step = block.step
    paths = sample_paths(block.supernet.plan, block.index, config.seed, step)
    wanted = features[block.index + 1]
    outputs = block.supernet.forward_paths(features[block.index], paths)
    loss = torch.stack([F.mse_loss(output, wanted) for output in outputs]).mean()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DivergedError(
            f"block {block.index + 1}: the loss became {value} at step {step + 1} of {total}",
            "lower the learning rate; the last good checkpoint is kept",
        )
    block.step = step + 1
    if loss.requires_grad:  # paths of layers without weights have nothing to learn
        set_learning_rate(block.optimiser, config.learning_rate_of(block.index) * warm_cosine(step, total))
        block.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        block.optimiser.step()
    return value
