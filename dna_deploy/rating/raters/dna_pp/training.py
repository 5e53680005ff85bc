"""Trains a population: every block's candidates predict, from one view of an image, the population's centre on another view.

The blocks are trained together. A block receives what the population's target emits before it, in the place of a teacher's
features; no gradient passes from block to block, and no label is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.course import Course, block_history
from dna_deploy.learning.memory import memory_for
from dna_deploy.learning.resumable import run_steps
from dna_deploy.learning.schedule import parameter_groups, set_learning_rate, warm_cosine
from dna_deploy.learning.soundness import check_loss, check_weights
from dna_deploy.nets.supernets.twins import Population, centre_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna_pp.collapse import CollapseWatch
from dna_deploy.rating.raters.dna_pp.draws import TwoViews, draw_paths, other_view
from dna_deploy.rating.raters.dna_pp.embedding import distance, divergence
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.records.training_history import CENTRE

MEASURE = f"{CENTRE}, and lack of spread"
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
    with work.compute.limited_threads():
        training = _Training.begin(work)
        work.write_run()
        steps = range(training.step, training.steps)
        run_steps(steps, training.advance, training.save, work.compute.checkpoint_seconds, on_progress)
        training.restore_histories()
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


@dataclass
class _Training:
    """A population, the course of every block, where it is saved, and who watches it."""

    work: PopulationWork
    population: Population
    optimiser: torch.optim.Optimizer
    checkpoint: Checkpoint
    batches: TrainingBatches
    watch: CollapseWatch
    courses: list[Course]

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
        kept = facts.get("courses", [{}] * len(work.space.block_numbers))  # populations of earlier versions kept none
        courses = [Course.of_facts({"step": facts["step"], **course}) for course in kept]
        return cls(work, population, optimiser, checkpoint, batches, watch, courses)

    @property
    def step(self) -> int:
        """How many were taken."""
        return self.courses[0].step

    @property
    def steps(self) -> int:
        """How many there are in all."""
        return self.watch.steps

    def save(self) -> None:
        """Saves where the training stands, and the histories so far; but no state that may be about to collapse."""
        if not self.watch.is_calm and self.step < self.steps:
            return
        check_weights(self.population, _STEP, self.step, self.steps)
        self._write_histories()
        courses = [course.facts for course in self.courses]
        self.checkpoint.save(self.step, self.population, self.optimiser, looks=self.watch.facts, courses=courses)

    def restore_histories(self) -> None:
        """Writes the histories again if one is lost; populations of earlier versions kept no losses."""
        paths = [block_history(self.work.folder, index) for index in range(len(self.courses))]
        if self.courses[0].losses and not all(path.exists() for path in paths):
            self._write_histories()

    def _write_histories(self) -> None:
        for index, course in enumerate(self.courses):
            history = course.history(f"block {index + 1}", MEASURE, self.steps, self.batches.steps_per_epoch)
            history.write(block_history(self.work.folder, index))

    def advance(self, step: int) -> Progress:
        """One step of all blocks along a few paths."""
        with memory_for("training the population", self.work.config.batch):
            losses = self._advance(step)
        for course, loss in zip(self.courses, losses, strict=True):
            course.losses.append(loss)
        return Progress(_STEP, step + 1, self.steps, f"loss {' '.join(f'{loss:.3f}' for loss in losses)}")

    def _advance(self, step: int) -> list[float]:
        """The loss of every block, before the weights were changed by it."""
        config = self.work.config
        features = self.batches.at(step).inputs
        losses = []
        for index in self.work.space.block_numbers:
            with self.work.compute.autocast():
                loss, features = self._learn(index, features)
            losses.append(loss)
        found = [float(loss.detach()) for loss in losses]
        for index, value in enumerate(found):
            check_loss(value, f"block {index + 1}", step, self.steps)
        set_learning_rate(self.optimiser, config.learning_rate * warm_cosine(step, self.steps))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(losses).sum())
        self.optimiser.step()
        self.population.follow(momentum_at(step, self.steps, config.momentum))
        return found

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


def momentum_at(step: int, steps: int, first: float) -> float:
    """The moving average's momentum: from its first value to one by a cosine (BYOL, arXiv 2006.07733)."""
    return 1 - (1 - first) * warm_cosine(step, steps)
