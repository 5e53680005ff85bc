"""Trains the supernets of some blocks from a teacher's features: one pass of the teacher a batch serves all of them.

Blocks know nothing of each other: each has its own weights, optimiser, checkpoint and randomness. So it makes no
difference which blocks share a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.history import block_history
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Phase, StepView
from dna_deploy.learning.samplers.uniform import UniformPaths
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import OnProgress
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.teacher_features import Features, features_of
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.chain import ChainSpace

_STEP = "supernets"


def train_blocks(work: BlockWork, indices: Sequence[int], on_progress: OnProgress) -> dict[int, SupernetBlock]:
    """The trained supernets of some blocks. Those that were trained before are loaded, others resumed.

    Beside each lies its history so far. Where memory is short, batches are run in portions, which progress and history say.

    Raises:
        DivergedError: a block's loss or weights are no longer numbers; its last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit either.
    """
    batches, features = training_batches(work), features_of(work, _STEP, on_progress)
    supernets = {index: build_supernet(work.space, index, work.teacher, work.config) for index in indices}
    states = [block_state(work, index, supernet, batches, features) for index, supernet in supernets.items()]
    train(states, TrainingPlan(_STEP, Portions("training supernets", work.config.batch), work.compute), on_progress)
    return supernets


def block_state(
    work: BlockWork, index: int, supernet: SupernetBlock, batches: TrainingBatches, features: Features
) -> TrainingState:
    """A block's supernet under training, as it was saved."""
    config, name, steps = work.config, f"block {index + 1}", work.config.epochs * batches.steps_per_epoch
    supernet.to(work.compute.device).train()
    phase = Phase(
        objectives=[Imitation(index)],
        group=supernet,
        optimiser=adam(supernet, config.learning_rate_of(index), config.weight_decay),
        rate=cosine_rate(config.learning_rate_of(index), steps),
        batches=batches,
        histories={name: block_history(work.folder, index)},
        sampler=UniformPaths(supernet.plan, index, config.seed),
        features=features,
    )
    checkpoint = Checkpoint(work.folder / f"supernet-{index + 1}.safetensors", work.identity)
    return TrainingState(name, supernet, [phase], steps, checkpoint, work.compute)


@dataclass(frozen=True)
class Imitation:
    """The plain mean squared error of one path a trunk, at every depth that is a cell, to what the teacher emits."""

    index: int
    measure: str = "mean squared error to the teacher's features"

    def loss(self, view: StepView) -> torch.Tensor:
        """The mean over the candidates that end along the paths."""
        outputs = view.network.forward_paths(view.features[self.index], view.path)  # type: ignore[operator]
        return torch.stack([F.mse_loss(output, view.features[self.index + 1]) for output in outputs]).mean()


def training_batches(work: BlockWork) -> TrainingBatches:
    """The batches on which supernets are trained."""
    config, data = work.config, work.data
    return TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, work.compute.device)


def build_supernet(space: ChainSpace, index: int, teacher: Teacher, config: RatingConfig) -> SupernetBlock:
    """The untrained supernet of a block, its weights drawn from the seed for this block alone."""
    with seeded(config.seed, "supernet", index):
        supernet = SupernetBlock(space, index, teacher.shapes, edges=config.edges, share_depths=config.share_depths)
    return supernet.to(memory_format=torch.channels_last)
