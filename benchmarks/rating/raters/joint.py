"""Blocks that learn to work together: the supernets of DNA, chained whole, follow the teacher's answers for a while longer.

A block has learnt from the teacher's clean features alone, never from what the blocks before it make of them. Here every step
draws a network, runs its blocks end to end into the teacher's head, and lessens the divergence from the teacher's answers. No
label is used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.raters.block_wise import dna_work, whole_networks
from dna_deploy.data.randomness import derived_seed
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.learning.schedule import parameter_groups, warm_cosine
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
    optimiser = torch.optim.Adam(parameter_groups(every, work.config.weight_decay))
    batches, seed = training_batches(work), derived_seed(work.config.seed, "joint")
    total = epochs * batches.steps_per_epoch
    with work.compute.limited_threads():
        for step in range(total):
            images = batches.at(step).inputs
            taught = F.log_softmax(work.teacher.scores(images), 1)
            features, network = images, UniformNetworks(work.space, seed).draw(step)
            for supernet, path in zip(every, work.space.index.paths(network), strict=True):
                features = supernet(features, *path)
            said = F.log_softmax(work.teacher.network.head(features), 1)  # type: ignore[operator]
            loss = F.kl_div(said, taught, reduction="batchmean", log_target=True)
            for parameters in optimiser.param_groups:
                parameters["lr"] = LEARNING_RATE * warm_cosine(step, total, WARM_UP)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
    return supernets
