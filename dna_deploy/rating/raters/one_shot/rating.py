"""Rates whole networks by how often a one-shot supernet is right along their paths, on held-out images.

Batch statistics gathered under mixed paths are true for none of them, so each path gathers its own on training images first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.data.splits import Split
from dna_deploy.errors import UsageError
from dna_deploy.learning.memory import Portions
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.one_shot.training import OneShotWork
from dna_deploy.records.score import Score, ScoreKind
from dna_deploy.spaces.architecture import Architecture

ACCURACY = ScoreKind(name="accuracy", unit="%", decimals=1)
CROSS_ENTROPY = ScoreKind(name="cross entropy", better="lower", decimals=3)


@dataclass(frozen=True, eq=False)
class OpenSupernet:
    """A trained supernet with the images on which it is rated."""

    work: OneShotWork
    supernet: OneShotSupernet
    portions: Portions
    _pixels: dict[str, torch.Tensor]

    @classmethod
    def open(cls, work: OneShotWork, train: Callable[[], OneShotSupernet]) -> OpenSupernet:
        """What ``train`` gives, if there are images to rate on."""
        calibrating = min(work.config.calibration_images, len(work.data.train))
        if calibrating < 2 or not len(work.data.rating):
            raise UsageError(f"{calibrating} training and {len(work.data.rating)} rating images are too few to rate on")
        parts = {"calibration": (work.data.train, calibrating), "rating": (work.data.rating, len(work.data.rating))}
        pixels = {name: split.images(torch.arange(count)) for name, (split, count) in parts.items()}
        return cls(work, train(), Portions("rating", work.config.rating_batch), pixels)

    @torch.no_grad()
    def rate(self, architecture: Architecture) -> Score:
        """The accuracy and cross entropy (nats) of one network on the rating slice, with shared weights.

        Raises:
            OutOfMemoryError: the smallest portions of a batch do not fit in memory.
        """
        path = self.supernet.path(architecture)
        with self.work.compute.limited_threads():
            scores = self.portions.run(partial(self._scores, path))
        labels = _labels(self.work.data.rating).to(scores.device)
        right = (scores.argmax(1) == labels).double()
        losses = F.cross_entropy(scores, labels, reduction="none").double()
        return _mean(right, ACCURACY, _mean(losses, CROSS_ENTROPY))

    @torch.no_grad()
    def loss(self, path: nn.Sequential) -> float:
        """The cross entropy (nats) of a path as it stands, with the batch statistics that it has, on the rating slice."""
        with self.work.compute.limited_threads():
            scores = self.portions.run(partial(self._answers, path))
        return float(F.cross_entropy(scores.double(), _labels(self.work.data.rating).to(scores.device)))

    def _scores(self, path: nn.Sequential, portions: int) -> torch.Tensor:
        estimate_statistics(path, self._batches("calibration", portions))
        return self._answers(path, portions)

    def _answers(self, path: nn.Sequential, portions: int) -> torch.Tensor:
        return torch.cat([path(images) for images in self._batches("rating", portions)])

    def _batches(self, part: str, portions: int) -> Iterator[torch.Tensor]:
        """Images kept as bytes, a quarter of what networks take; in batches of about one size, whose statistics weigh alike."""
        cached = self._pixels[part]
        for pixels in cached.chunk(-(-len(cached) // self.work.config.rating_batch) * portions):
            yield self.work.data.normalisation(pixels.to(self.work.compute.device))


def _labels(split: Split) -> torch.Tensor:
    return split.labels(torch.arange(len(split)))


def _mean(values: torch.Tensor, kind: ScoreKind, *further: Score) -> Score:
    """The mean over images, and its standard error."""
    error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else 0.0
    return Score(value=float(values.mean()), standard_error=error, kind=kind, further=further)
