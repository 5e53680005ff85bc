"""Trains the supernets of some blocks from a teacher's features: one pass of the teacher a batch serves all of them.

Blocks know nothing of each other: each has its own weights, optimiser, checkpoint and randomness. So it makes no
difference which blocks share a process.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.learning.memory import Portions, memory_for
from dna_deploy.learning.resumable import run_steps
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.raters.dna.block_in_training import BlockInTraining
from dna_deploy.rating.raters.dna.teacher_features import Features, features_of
from dna_deploy.rating.raters.dna.work import BlockWork

_STEP = "supernets"


def train_blocks(work: BlockWork, indices: Sequence[int], on_progress: OnProgress) -> dict[int, SupernetBlock]:
    """The trained supernets of some blocks. Those that were trained before are loaded, others resumed.

    Beside each lies its history so far. Where memory is short, batches are run in portions, which progress and history say.

    Raises:
        DivergedError: a block's loss or weights are no longer numbers; its last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit either.
    """
    batches = training_batches(work)
    total = work.config.epochs * batches.steps_per_epoch
    blocks = [BlockInTraining.begin(work, index, total) for index in indices]
    portions = Portions("training supernets", work.config.batch)
    features = _autocast(features_of(work, _STEP, on_progress), work)
    steps = range(min(block.step for block in blocks), total)
    prepared = batches.over(steps, work.compute.workers)

    def advance(step: int) -> Progress:
        due = [block for block in blocks if block.step == step]
        losses = _train_step(due, next(prepared).inputs, features, portions)
        return Progress(_STEP, step + 1, total, f"loss {' '.join(f'{loss:.3f}' for loss in losses)}", portions.news())

    def save() -> None:
        for block in blocks:
            block.save(portions.remark)

    run_steps(steps, advance, save, work.compute.checkpoint_seconds, on_progress)
    for block in blocks:
        block.restore_history()
    return {block.index: block.supernet for block in blocks}


def training_batches(work: BlockWork) -> TrainingBatches:
    """The batches on which supernets are trained."""
    config, data = work.config, work.data
    return TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, work.compute.device)


def _autocast(features: Features, work: BlockWork) -> Features:
    def cast(images: torch.Tensor) -> list[torch.Tensor]:
        with work.compute.autocast():
            return features(images)

    return cast


def _train_step(blocks: Sequence[BlockInTraining], images: torch.Tensor, features: Features, portions: Portions) -> list[float]:
    """One step of every block: its loss on the batch, whose gradients are gathered from as many portions as memory asks."""

    def gather(count: int) -> None:
        for block in blocks:
            block.begin_step()
        for portion in images.chunk(count):
            found = features(portion)
            for block in blocks:
                block.learn(found, len(portion) / len(images))

    portions.run(gather)
    with memory_for(portions.what, portions.batch):  # an optimiser's first step takes memory as well
        return [block.end_step() for block in blocks]
