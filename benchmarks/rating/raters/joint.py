"""Blocks that learn to work together: the supernets of DNA, chained whole, follow the teacher's answers for a while longer.

A block has learnt from the teacher's clean features alone, never from what the blocks before it make of them. Here every step
draws a network, runs its blocks end to end into the teacher's head, and lessens the divergence from the teacher's answers. No
label is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.raters.block_wise import dna_work, whole_networks
from dna_deploy.data.randomness import derived_seed
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.history import FILE_NAME
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.objectives.labels import soft_divergence
from dna_deploy.learning.phase import Phase, StepView
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import silent
from dna_deploy.rating.raters.dna.training import train_blocks, training_batches
from dna_deploy.rating.raters.dna.work import BlockWork

LEARNING_RATE, WARM_UP = 2e-3, 0.05


def rate(bench: Bench) -> Scores:
    """DNA's block supernets after some epochs of learning together."""
    work = dna_work(bench)
    supernets = train_joint(work, bench.experiment.epochs)
    with bench.compute.limited_threads():
        return whole_networks(work, supernets, bench.architectures)


def train_joint(work: BlockWork, epochs: int) -> dict[int, SupernetBlock]:
    """The supernets of all blocks after they learnt together; those of the files stay as they are."""
    supernets = train_blocks(work, range(len(work.space.blocks)), silent)
    every = nn.ModuleList(supernets[index] for index in sorted(supernets)).train()
    batches = training_batches(work)
    steps = epochs * batches.steps_per_epoch
    phase = Phase(
        objectives=[Answers(work)],
        group=every,
        optimiser=adam(every, LEARNING_RATE, work.config.weight_decay),
        rate=cosine_rate(LEARNING_RATE, steps, WARM_UP),
        batches=batches,
        histories={"joint blocks": work.folder / "joint" / FILE_NAME},
        sampler=UniformNetworks(work.space, derived_seed(work.config.seed, "joint")),
    )
    checkpoint = Checkpoint(work.folder / "joint" / "joint.safetensors", f"{work.identity} {epochs}")
    state = TrainingState("joint blocks", every, [phase], steps, checkpoint, work.compute)
    with work.compute.limited_threads():
        train([state], TrainingPlan("joint blocks", Portions("training joint blocks", work.config.batch), work.compute))
    return supernets


@dataclass(frozen=True)
class Answers:
    """The divergence of the chained blocks' answers from the teacher's."""

    work: BlockWork
    measure: str = "divergence from the teacher's answers"

    def loss(self, view: StepView) -> torch.Tensor:
        """The mean over the images."""
        features, teacher = view.batch.inputs, self.work.teacher
        for supernet, path in zip(view.network, self.work.space.index.paths(view.path), strict=True):  # type: ignore[call-overload]
            features = supernet(features, *path)
        return soft_divergence(teacher.network.head(features), teacher.scores(view.batch.inputs), 1.0)  # type: ignore[operator]
