"""Trains a block by ensemble bootstrapping: each path of a step predicts what the mean of all of them sees in the other view.

With targets of its own every path would pull the shared weights somewhere else, and the order of candidates would be lost
(BossNAS, section 3.2). A block receives what the best-rated path through the blocks before it emits; no label is read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.history import block_history
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Callback, Phase, StepView
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.twins import EmbeddedBlock, centre_of, perceptron
from dna_deploy.progress import OnProgress
from dna_deploy.rating.raters.boss.config import BossConfig
from dna_deploy.rating.raters.dna_pp.collapse import CollapseWatch
from dna_deploy.rating.raters.dna_pp.draws import draw_paths
from dna_deploy.rating.raters.dna_pp.embedding import distance
from dna_deploy.rating.raters.dna_pp.training import momentum_at
from dna_deploy.rating.work import RatingWork
from dna_deploy.spaces.block import CellPath

BossWork = RatingWork[BossConfig, None]


class BootstrappedBlock(nn.Module):
    """A block that learns, its slow average that says what is to be learnt, and a predictor from the one to the other."""

    def __init__(self, work: BossWork, index: int) -> None:
        super().__init__()
        config = work.config
        self.online = EmbeddedBlock(work.space, index, share_depths=config.share_depths, hidden=config.hidden, size=config.size)
        self.predictor = perceptron(config.size, config.hidden, config.size)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """The target's weights become ``momentum`` times themselves and the rest of the online ones."""
        for slow, fast in zip(self.target.parameters(), self.online.parameters(), strict=True):
            slow.lerp_(fast, 1 - momentum)


@dataclass(frozen=True, eq=False)
class BestPath:
    """The best-rated candidate of a trained block: the number of its cell, and its path there."""

    block: BootstrappedBlock
    cell: int
    path: CellPath

    @torch.no_grad()
    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """What it emits, with batch norms that use the batch's own statistics."""
        with batch_statistics(self.block):
            emitted: torch.Tensor = self.block.online.supernet(features, self.cell, self.path)
        return emitted


def features_behind(prefix: Sequence[BestPath], images: torch.Tensor) -> torch.Tensor:
    """What the best path so far makes of images."""
    for best in prefix:
        images = best(images)
    return images


@dataclass(frozen=True)
class ViewsOfPaths:
    """Every image changed twice for every path of an ensemble: ``(2 * paths * batch, ...)``, pair after pair."""

    augmentation: Augmentation
    paths: int

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.cat([self.augmentation(pixels, rng) for _ in range(2 * self.paths)])


@dataclass(frozen=True)
class BlockPaths:
    """The paths of a step through a block: for every draw, one a trunk."""

    block: BootstrappedBlock
    index: int
    config: BossConfig

    def draw(self, step: int) -> list[list[CellPath]]:
        return draw_paths(self.block.online.supernet.plan, self.index, self.config.seed, step, self.config.ensemble)


class Bootstrapping(Callback):
    """The objective of a block: every path, on a pair of views of its own, predicts the ensemble's mean on the other view."""

    measure = "distance from the ensemble's mean"

    def __init__(self, block: BootstrappedBlock, index: int, steps: int, watch: CollapseWatch) -> None:
        self.block, self.index, self.steps, self.watch = block, index, steps, watch

    def loss(self, view: StepView) -> torch.Tensor:
        """The mean over paths and both views of how far a prediction is from what the ensemble sees in the other view."""
        pairs = view.features.chunk(len(view.path))
        online = [self.block.online.members(pair, [paths]) for pair, paths in zip(pairs, view.path, strict=True)]
        with torch.no_grad():
            target = [self.block.target.members(pair, [paths]) for pair, paths in zip(pairs, view.path, strict=True)]
            centre = centre_of([self.block.target.embed(member) for members in target for member in members])
        self.watch.look(view.step + 1, self.index, centre)
        others = centre.roll(len(centre) // 2, 0)
        predictions = [self.block.predictor(self.block.online.embed(member)) for members in online for member in members]
        return torch.stack([distance(prediction, others) for prediction in predictions]).mean()

    def after_step(self, step: int) -> None:
        self.block.follow(momentum_at(step, self.steps, self.watch.work.config.momentum))

    @property
    def is_sound(self) -> bool:
        """A state that may be about to collapse is not saved."""
        return self.watch.is_calm

    def facts(self) -> dict[str, Any]:
        return {"looks": self.watch.facts}

    def restore(self, facts: Mapping[str, Any]) -> None:
        if "looks" in facts:
            self.watch = CollapseWatch.resume(self.watch.work, self.steps, facts["looks"])


def train_block(
    work: BossWork, index: int, prefix: Sequence[BestPath], watch: CollapseWatch | None, on_progress: OnProgress
) -> tuple[BootstrappedBlock, CollapseWatch]:
    """The trained block behind the best path so far, and the watch over it and all before it.

    One that was trained before is loaded, one that was begun is resumed. A batch is never run in portions: a path's views
    share statistics of batch norms.

    Raises:
        CollapsedError: the block's embeddings no longer tell images apart; the history says since when.
        DivergedError: a loss or a weight is no longer a number. In both cases the last good checkpoint stays.
        OutOfMemoryError: a batch does not fit in memory.
        UsageError: the folder holds the block of other inputs.
    """
    config, data, name = work.config, work.data, f"block {index + 1}"
    with seeded(config.seed, f"{work.method} {index}"):
        block = BootstrappedBlock(work, index)
    block = block.to(memory_format=torch.channels_last).to(work.compute.device).train()
    views = ViewsOfPaths(config.views, config.ensemble)
    batches = TrainingBatches(data.train, data.normalisation, views, config.batch, config.seed, work.compute.device)
    steps = config.epochs * batches.steps_per_epoch
    looks = CollapseWatch.resume(work, steps, watch.facts if watch else ())
    bootstrapping = Bootstrapping(block, index, steps, looks)
    phase = Phase(
        objectives=[bootstrapping],
        group=block,
        optimiser=adam(block, config.learning_rate, config.weight_decay),
        rate=cosine_rate(config.learning_rate, steps),
        batches=batches,
        histories={name: block_history(work.folder, index)},
        sampler=BlockPaths(block, index, config),
        features=lambda images: features_behind(prefix, images),
    )
    checkpoint = Checkpoint(work.folder / f"block-{index + 1}.safetensors", work.identity)
    state = TrainingState(name, block, [phase], steps, checkpoint, work.compute)
    portions = Portions(f"training {name}", config.batch, smallest=config.batch)
    train([state], TrainingPlan(name, portions, work.compute), on_progress)
    return block, bootstrapping.watch
