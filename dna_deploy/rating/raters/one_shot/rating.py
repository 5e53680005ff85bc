"""Rates whole networks by how often a one-shot supernet is right along their paths, on held-out images.

Batch statistics gathered under mixed paths are true for none of them, so each path gathers its own on training images first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.data.splits import Split
from dna_deploy.errors import UsageError
from dna_deploy.learning.memory import Portions
from dna_deploy.nets.batch_norm import recalibrate
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.one_shot.training import MakeObjective, OneShotWork, along_labels, train_one_shot
from dna_deploy.spaces.architecture import Architecture


@dataclass(frozen=True)
class OneShotRating:
    """A network's accuracy and cross entropy (nats) on the rating slice with shared weights, each with its standard error."""

    architecture: Architecture
    accuracy: float
    accuracy_error: float
    loss: float
    loss_error: float


def rate_one_shot(
    work: OneShotWork, architectures: Sequence[Architecture], *, on_progress: OnProgress = silent
) -> tuple[OneShotRating, ...]:
    """The one-shot ratings of some networks, in their order. The supernet is trained first if it is not yet.

    Raises:
        UsageError: an architecture is not in the space.
    """
    for architecture in architectures:
        work.space.check(architecture)
    rater = OpenSupernet.open(work, on_progress)
    ratings = []
    for number, architecture in enumerate(architectures, 1):
        ratings.append(rater.rate(architecture))
        remark, notice = f"accuracy {ratings[-1].accuracy:.1%}", rater.portions.news()
        on_progress(Progress("one-shot networks", number, len(architectures), remark, notice))
    return tuple(ratings)


@dataclass(frozen=True, eq=False)
class OpenSupernet:
    """A trained supernet with the images on which it is rated. Called with a network, it says its share of wrong answers."""

    work: OneShotWork
    supernet: OneShotSupernet
    portions: Portions
    _pixels: dict[str, torch.Tensor]

    @classmethod
    def open(cls, work: OneShotWork, on_progress: OnProgress = silent, objective: MakeObjective = along_labels) -> OpenSupernet:
        """A rater over the supernet in the work's folder, which is trained first if it is not yet."""
        calibrating = min(work.config.calibration_images, len(work.data.train))
        if calibrating < 2 or not len(work.data.rating):
            raise UsageError(f"{calibrating} training and {len(work.data.rating)} rating images are too few to rate on")
        supernet = train_one_shot(work, on_progress, objective)
        parts = {"calibration": (work.data.train, calibrating), "rating": (work.data.rating, len(work.data.rating))}
        pixels = {name: split.images(torch.arange(count)) for name, (split, count) in parts.items()}
        return cls(work, supernet, Portions("rating", work.config.rating_batch), pixels)

    def __call__(self, architecture: Architecture) -> float:
        return 1 - self.rate(architecture).accuracy

    @torch.no_grad()
    def rate(self, architecture: Architecture) -> OneShotRating:
        """The rating of one network.

        Raises:
            OutOfMemoryError: the smallest portions of a batch do not fit in memory.
        """
        path = self.supernet.path(architecture)
        with self.work.compute.limited_threads():
            scores = self.portions.run(partial(self._scores, path))
        labels = _labels(self.work.data.rating).to(scores.device)
        right = (scores.argmax(1) == labels).double()
        losses = F.cross_entropy(scores, labels, reduction="none").double()
        (accuracy, accuracy_error), (loss, loss_error) = _mean(right), _mean(losses)
        return OneShotRating(architecture, accuracy, accuracy_error, loss, loss_error)

    def _scores(self, path: nn.Sequential, portions: int) -> torch.Tensor:
        recalibrate(path, self._batches("calibration", portions))
        return torch.cat([path(images) for images in self._batches("rating", portions)])

    def _batches(self, part: str, portions: int) -> Iterator[torch.Tensor]:
        """Images kept as bytes, a quarter of what networks take; in batches of about one size, whose statistics weigh alike."""
        cached = self._pixels[part]
        for pixels in cached.chunk(-(-len(cached) // self.work.config.rating_batch) * portions):
            yield self.work.data.normalisation(pixels.to(self.work.compute.device))


def _labels(split: Split) -> torch.Tensor:
    return split.labels(torch.arange(len(split)))


def _mean(values: torch.Tensor) -> tuple[float, float]:
    """The mean over images, and its standard error."""
    error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else 0.0
    return float(values.mean()), error
