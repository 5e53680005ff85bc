"""What a phase of training is made of: paths from a sampler, objectives on them, parameters that change, and images.

A method of training is these four, and callbacks for what it keeps besides; everything else is in `learning/train.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from dna_deploy.data.batches import Batch, TrainingBatches
from dna_deploy.records.score import Metrics


class PathSampler(Protocol):
    """Draws what a step trains of a supernet: a network, or paths through a part of it."""

    def draw(self, step: int) -> Any:
        """The paths of a step, counted from 0: a function of the step and of the sampler's own seed."""


@dataclass(frozen=True, eq=False)
class StepView:
    """What an objective sees of a step: what was drawn, the module that runs it, and images (all of them, or a portion)."""

    step: int
    path: Any
    network: nn.Module
    batch: Batch
    features: Any = None
    """What `Phase.features` made of the images."""
    portion: int = 0
    """Which of the portions that a process runs in a step."""


class Objective(Protocol):
    """What a phase minimises. It may own second networks: a teacher, a moving average."""

    @property
    def measure(self) -> str:
        """What the loss is, for a reader of a history."""

    def loss(self, view: StepView) -> torch.Tensor:
        """A mean over the images, ``()``; or one for each history of the phase, ``(histories,)``, of which the sum counts."""


class Callback:
    """What a method does between steps, and what a checkpoint keeps of it. Everything may be left as it is."""

    images = 0
    """Held-out images that `after_epoch` looks at."""

    def after_step(self, step: int) -> None:
        """Called when the weights have changed in a step, counted from 0."""

    def after_epoch(self, epoch: int) -> Metrics:
        """Called after an epoch, counted from 1. The metrics on held-out images, where they were measured."""
        return ()

    @property
    def is_sound(self) -> bool:
        """Whether the training is in a state that is worth keeping."""
        return True

    @property
    def remark(self) -> str:
        """What progress adds to the loss."""
        return ""

    def facts(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Goes on from the facts of a checkpoint: all that were kept, of this callback and of others."""


@dataclass(frozen=True, eq=False)
class Phase:
    """One update in every step: the sum of ``objectives``, on what ``sampler`` draws, changes the parameters of ``group``.

    Where several states are trained side by side, phases of one number share batches and features.
    """

    objectives: Sequence[Objective]
    group: nn.Module
    optimiser: Optimizer
    rate: Callable[[int], float]
    """The learning rate of a step, counted from 0."""
    batches: TrainingBatches
    histories: Mapping[str, Path]
    """Subject -> file, for each loss that the objectives give."""
    sampler: PathSampler | None = None
    network: Callable[[Any], nn.Module] | None = None
    """Paths -> the module that objectives run; the whole group where there is none."""
    features: Callable[[torch.Tensor], Any] | None = None
    """What is made of a batch's images once, for all states that are trained side by side, such as a teacher's features."""
    seed: int | None = None
    """Of what the network leaves out at random in a step; None where it leaves out nothing."""

    @property
    def measure(self) -> str:
        """What the loss is."""
        return ", and ".join(objective.measure for objective in self.objectives)
