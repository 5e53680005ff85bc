"""Trains a population: every block's candidates predict, from one view of an image, the population's centre on another view.

The blocks are trained together. A block receives what the population's target emits before it, in the place of a teacher's
features; no gradient passes from block to block, and no label is read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import generator, seeded
from dna_deploy.errors import DivergedError
from dna_deploy.nets.checkpoint import Checkpoint, Interval
from dna_deploy.nets.interrupt import interrupts_held
from dna_deploy.nets.memory import memory_for
from dna_deploy.nets.population import Population, centre_of
from dna_deploy.nets.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.nets.supernet import Path, Trunk
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.collapse import CollapseWatch
from dna_deploy.rating.embedding import distance, divergence
from dna_deploy.rating.population import PopulationWork

_STEP = "population"


def train_population(work: PopulationWork, on_progress: OnProgress = silent) -> Population:
    """The trained population. One that was trained before is loaded, one that was begun is resumed.

    Raises:
        CollapsedError: the embeddings of a block no longer tell images apart; the history says since when.
        DivergedError: the loss is no longer a number. In both cases the last good checkpoint stays.
        UsageError: the folder holds the population of other inputs.
    """
    with work.compute.limited_threads():
        training = _Training.begin(work)
        work.write_run()
        total, interval = training.steps, Interval(work.compute.checkpoint_seconds)
        with interrupts_held() as interrupted:
            for step in range(training.step, total):
                with memory_for("training the population", work.config.batch):
                    losses = training.advance()
                if (training.watch.is_calm and (interrupted() or interval.is_over())) or step + 1 == total:
                    training.save()
                on_progress(Progress(_STEP, step + 1, total, f"loss {' '.join(f'{loss:.3f}' for loss in losses)}"))
                if interrupted():
                    raise KeyboardInterrupt
        training.watch.write_history(stopped_at=None)
    return training.population


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


def draw_paths(trunks: Sequence[Trunk], index: int, seed: int, step: int, draws: int) -> list[list[Path]]:
    """For every draw, a path a trunk. Each is uniform; in a layer, draws repeat an operation only after all others."""
    rng = generator(seed, "population paths", index, step)

    def shuffled(operations: int) -> list[int]:
        rounds = [torch.randperm(operations, generator=rng) for _ in range(-(-draws // operations))]
        order: list[int] = torch.cat(rounds)[:draws].tolist()
        return order

    layers = [[shuffled(len(operations)) for operations in trunk.cell.layers] for trunk in trunks]
    return [[tuple(layer[draw] for layer in trunk) for trunk in layers] for draw in range(draws)]


@dataclass
class _Training:
    """A population, how far it is, where it is saved, and who watches it."""

    work: PopulationWork
    population: Population
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    batches: TrainingBatches
    watch: CollapseWatch
    step: int

    @classmethod
    def begin(cls, work: PopulationWork) -> _Training:
        config, data, device = work.config, work.data, work.compute.device
        population = build_population(work).to(device).train()
        optimiser = torch.optim.Adam(parameter_groups(population, config.weight_decay), lr=config.learning_rate)
        checkpoint = Checkpoint(work.folder / "population.safetensors", work.identity)
        facts = checkpoint.resume(population, optimiser)
        views = TwoViews(config.views)
        batches = TrainingBatches(data.train, data.normalisation, views, config.batch, config.seed, device)
        watch = CollapseWatch.resume(work, config.epochs * batches.steps_per_epoch, facts.get("looks", ()))
        return cls(work, population, optimiser, checkpoint, batches, watch, int(facts["step"]))

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.watch.steps

    def save(self) -> None:
        self.checkpoint.save(self.step, self.population, self.optimiser, looks=self.watch.facts)

    def advance(self) -> list[float]:
        """One step of all blocks along a few paths; the loss of every block."""
        config = self.work.config
        features = self.batches.at(self.step).inputs
        losses = []
        for index in range(len(self.work.space.blocks)):
            with self.work.compute.autocast():
                loss, features = self._learn(index, features)
            losses.append(loss)
        total = torch.stack(losses).sum()
        if not math.isfinite(float(total.detach())):
            raise DivergedError(
                f"the population's loss became {float(total.detach())} at step {self.step + 1} of {self.steps}",
                "lower the learning rate; the last good checkpoint is kept",
            )
        set_learning_rate(self.optimiser, config.learning_rate * warm_cosine(self.step, self.steps))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self.optimiser.step()
        self.population.follow(momentum_at(self.step, self.steps, config.momentum))
        self.step += 1
        return [float(loss.detach()) for loss in losses]

    def _learn(self, index: int, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of a block on the features before it, in two views, and the features behind it."""
        config, (online, target) = self.work.config, self.population.pair(index)
        paths = draw_paths(online.supernet.plan, index, config.seed, self.step, config.ensemble)
        if target is online:
            emitted = online.members(features, paths)
            embedded = [online.embed(member) for member in emitted]
            centre = centre_of(embedded)
        else:
            embedded = [online.embed(member) for member in online.members(features, paths[: config.draws])]
            with torch.no_grad():
                emitted = target.members(features, paths)
                centre = centre_of([target.embed(member) for member in emitted])
        self.watch.look(self.step + 1, index, centre)
        wanted, predict = other_view(centre), self.population.predictors[index]
        near = torch.stack([distance(predict(one), wanted) for one in embedded]).mean()
        apart = torch.stack([divergence(one.float(), config.decorrelation) for one in embedded]).mean()
        return near + config.divergence * apart, torch.stack(emitted).mean(0).detach()


@dataclass(frozen=True)
class TwoViews:
    """Every image changed twice: all first views, then all second ones."""

    augmentation: Augmentation

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.cat([self.augmentation(pixels, rng), self.augmentation(pixels, rng)])


def other_view(embeddings: torch.Tensor) -> torch.Tensor:
    """For every one of `TwoViews` what the other view of its image has."""
    return embeddings.roll(len(embeddings) // 2, 0)


def momentum_at(step: int, steps: int, first: float) -> float:
    """The moving average's momentum: from its first value to one by a cosine (BYOL, arXiv 2006.07733)."""
    return 1 - (1 - first) * warm_cosine(step, steps)
