"""Trains a population: every block's candidates predict, from one view of an image, the population's centre on another view.

The blocks are trained together. A block receives what the population's target emits before it, in the place of a teacher's
features; no gradient passes from block to block, and no label is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.history import block_history
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Callback, Phase, StepView
from dna_deploy.learning.schedule import adam, cosine_rate, warm_cosine
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.supernets.twins import Population, centre_of
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.dna_pp.collapse import CollapseWatch
from dna_deploy.rating.raters.dna_pp.draws import BalancedPaths, TwoViews, other_view
from dna_deploy.rating.raters.dna_pp.embedding import distance, divergence
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.spaces.block import CellPath

_STEP = "population"


def train_population(work: PopulationWork, on_progress: OnProgress = silent) -> Population:
    """The trained population. One that was trained before is loaded, one that was begun is resumed.

    Beside it lies the history of every block so far. A batch is never run in portions: its images are compared with each
    other, so that a portion of it would teach something else.

    Raises:
        CollapsedError: the embeddings of a block no longer tell images apart; the history says since when.
        DivergedError: a loss or a weight is no longer a number. In both cases the last good checkpoint stays.
        OutOfMemoryError: a batch does not fit in memory.
        UsageError: the folder holds the population of other inputs.
    """
    config, population = work.config, build_population(work).to(work.compute.device).train()
    with work.compute.limited_threads():
        centring = Centring(work, population)
        phase = Phase(
            objectives=[centring],
            group=population,
            optimiser=adam(population, config.learning_rate, config.weight_decay),
            rate=cosine_rate(config.learning_rate, centring.steps),
            batches=centring.batches,
            histories={f"block {index + 1}": block_history(work.folder, index) for index in work.space.block_numbers},
            sampler=BalancedPaths.of(population, config),
        )
        checkpoint = Checkpoint(work.folder / "population.safetensors", work.identity)
        state = TrainingState(_STEP, population, [phase], centring.steps, checkpoint, work.compute)
        work.write_run()
        portions = Portions("training the population", config.batch, smallest=config.batch)
        train([state], TrainingPlan(_STEP, portions, work.compute), on_progress)
        centring.watch.write_history(stopped_at=None)
    return population


def build_population(work: PopulationWork) -> Population:
    """The untrained population, its weights drawn from the seed."""
    config = work.config
    with seeded(config.seed, work.method):
        population = Population(
            work.space,
            is_joint=config.targets == "joint",
            share_depths=config.share_depths,
            hidden=config.hidden,
            size=config.size,
        )
    return population.to(memory_format=torch.channels_last)


class Centring(Callback):
    """The objective of all blocks: to be near the population's centre, and to spread. Moves the target after a step."""

    measure = "distance from the population's centre, and lack of spread"

    def __init__(self, work: PopulationWork, population: Population) -> None:
        self.work, self.population = work, population
        config, data = work.config, work.data
        views, device = TwoViews(config.views), work.compute.device
        self.batches = TrainingBatches(data.train, data.normalisation, views, config.batch, config.seed, device)
        self.steps = config.epochs * self.batches.steps_per_epoch
        self.watch = CollapseWatch(work, self.steps)

    def loss(self, view: StepView) -> torch.Tensor:
        """The loss of every block, ``(blocks,)``, on images in two views."""
        features, losses = view.batch.inputs, []
        for index, paths in enumerate(view.path):
            loss, features = self._block_loss(view.step, index, paths, features)
            losses.append(loss)
        return torch.stack(losses)

    def after_step(self, step: int) -> None:
        self.population.follow(momentum_at(step, self.steps, self.work.config.momentum))

    @property
    def is_sound(self) -> bool:
        """A state that may be about to collapse is not saved."""
        return self.watch.is_calm

    def facts(self) -> dict[str, Any]:
        return {"looks": self.watch.facts}

    def restore(self, facts: Mapping[str, Any]) -> None:
        self.watch = CollapseWatch.resume(self.work, self.steps, facts.get("looks", ()))

    def _block_loss(
        self, step: int, index: int, paths: list[list[CellPath]], features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a block on the features before it, and the features behind it."""
        config, (online, target) = self.work.config, self.population.pair(index)
        if target is online:
            emitted = online.members(features, paths)
            embedded = [online.embed(member) for member in emitted]
            centre = centre_of(embedded)
        else:
            embedded = [online.embed(member) for member in online.members(features, paths[: config.draws])]
            with torch.no_grad():
                emitted = target.members(features, paths)
                centre = centre_of([target.embed(member) for member in emitted])
        self.watch.look(step + 1, index, centre)
        others, predict = other_view(centre), self.population.predictors[index]
        near = torch.stack([distance(predict(member), others) for member in embedded]).mean()
        apart = torch.stack([divergence(member.float(), config.decorrelation) for member in embedded]).mean()
        return near + config.divergence * apart, torch.stack(emitted).mean(0).detach()


def momentum_at(step: int, steps: int, first: float) -> float:
    """The moving average's momentum: from its first value to one by a cosine (BYOL, arXiv 2006.07733)."""
    return 1 - (1 - first) * warm_cosine(step, steps)
