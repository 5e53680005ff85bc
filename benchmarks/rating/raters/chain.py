"""Block-wise against one big block: the same supernets, trained in groups of blocks that are chained end to end.

With one block a group this is DNA (but for one path a step instead of one a trunk); with all blocks in one group the
teacher's features inside are not used at all. Every variant runs the same paths on the same images for as many steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.teachers import teacher_of
from dna_deploy.data.batches import in_order
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Phase, StepView
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.rating.raters.dna.block_rating import relative_l1
from dna_deploy.rating.raters.dna.stitched import StitchedScores
from dna_deploy.rating.raters.dna.training import build_supernet, training_batches
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace

Groups = Sequence[Sequence[int]]
STEPS_FACTOR = 1.6
"""A step runs one path where DNA runs one a trunk; with so many more steps the time is about the same."""


def rate(bench: Bench) -> Scores:
    """Blocks trained together, end to end, between the teacher's features at the ends of each group alone."""
    work, groups = bench.block_work(teacher_of(bench), bench.config, bench.folder), bench.experiment.groups
    return rate_chain(work, train_chain(work, groups), groups, bench.architectures)


def train_chain(work: BlockWork, groups: Groups) -> list[SupernetBlock]:
    """The supernets of all blocks, trained by MSE to the teacher's features at the end of every group."""
    supernets = [
        build_supernet(work.space, index, work.teacher, work.config).train() for index in range(len(work.space.blocks))
    ]
    batches, rate = training_batches(work), work.config.learning_rate
    total = round(STEPS_FACTOR * work.config.epochs * batches.steps_per_epoch)
    states = []
    for group in groups:
        name, members = f"blocks {group[0] + 1} to {group[-1] + 1}", nn.ModuleList(supernets[index] for index in group)
        phase = Phase(
            objectives=[GroupImitation(work.space, group)],
            group=members,
            optimiser=adam(members, rate, work.config.weight_decay),
            rate=cosine_rate(rate, total),
            batches=batches,
            histories={name: work.folder / "chain" / f"{name}.json"},
            sampler=UniformNetworks(work.space, work.config.seed, ("chain",)),
            features=lambda images: [images, *work.teacher.features(images)],
        )
        checkpoint = Checkpoint(work.folder / "chain" / f"{name}.safetensors", work.identity)
        states.append(TrainingState(name, members, [phase], total, checkpoint, work.compute))
    with work.compute.limited_threads():
        train(states, TrainingPlan("chained blocks", Portions("training chained blocks", work.config.batch), work.compute))
    return supernets


@dataclass(frozen=True)
class GroupImitation:
    """The mean squared error of a group of chained blocks to what the teacher emits behind it."""

    space: ChainSpace
    group: Sequence[int]
    measure: str = "mean squared error to the teacher's features behind the group"

    def loss(self, view: StepView) -> torch.Tensor:
        """The mean over the images."""
        supernets = dict(zip(self.group, view.network, strict=True))  # type: ignore[call-overload]
        made = run_group(self.space, supernets, self.group, view.path, view.features[self.group[0]])
        return F.mse_loss(made, view.features[self.group[-1] + 1])


def run_group(
    space: ChainSpace,
    supernets: Sequence[SupernetBlock] | Mapping[int, SupernetBlock],
    group: Sequence[int],
    architecture: Architecture,
    x: torch.Tensor,
) -> torch.Tensor:
    """The features that a network's blocks of one group make of what comes before it, through the shared adaptors."""
    for index in group:
        x = supernets[index](x, *space.index.path_of(index, architecture.parts[index]))
    return x


@torch.no_grad()
def rate_chain(
    work: BlockWork, supernets: Sequence[SupernetBlock], groups: Groups, architectures: Sequence[Architecture]
) -> Scores:
    """Minus the relative L1 summed over groups, and what the whole chain knows of the teacher, as DNA's stitched networks."""
    sums = [0.0] * len(architectures)
    said: list[list[torch.Tensor]] = [[] for _ in architectures]
    teacher = list[torch.Tensor]()
    batches = list(in_order(work.data.rating, work.data, work.config.rating_batch))
    with work.compute.limited_threads(), batch_statistics(torch.nn.ModuleList(supernets)):
        for batch in batches:
            features = [batch.inputs, *work.teacher.features(batch.inputs)]
            teacher.append(work.teacher.scores_from(features[-1]))
            for number, architecture in enumerate(architectures):
                for group in groups:
                    made = run_group(work.space, supernets, group, architecture, features[group[0]])
                    sums[number] -= float(relative_l1(features[group[-1] + 1], made)) / len(batches)
                whole = run_group(work.space, supernets, range(len(supernets)), architecture, batch.inputs)
                said[number].append(work.teacher.scores_from(whole))
    scores = StitchedScores(
        {architecture: torch.cat(parts) for architecture, parts in zip(architectures, said, strict=True)},
        torch.cat(teacher),
        None,
    )
    ratings = [scores.rating(architecture) for architecture in architectures]
    return {
        "block sum": sums,
        "stitched": [rating.score for rating in ratings],
        "stitched agreement": [rating.counted_agreement or 0.0 for rating in ratings],
    }
