"""Which images a step sees: a function of the seed and the step, so that any step can be the first after a resume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.image_set import Normalisation
from dna_deploy.data.randomness import generator
from dna_deploy.data.splits import ImageData, Split


@dataclass(frozen=True)
class Batch:
    """Images ready for a network, ``(batch, channels, height, width)``, and where they stand in their split."""

    inputs: torch.Tensor
    positions: torch.Tensor
    split: Split

    def labels(self) -> torch.Tensor:
        """Their classes, fetched on demand: what never asks never sees a label."""
        return self.split.labels(self.positions).to(self.inputs.device)


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled, augmented batches of the training images; the last, smaller batch of an epoch is left out."""

    split: Split
    normalisation: Normalisation
    augmentation: Augmentation
    size: int
    seed: int
    device: str = "cpu"

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.split) // self.size)

    def at(self, step: int) -> Batch:
        """The batch of a step, counted from 0 over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = _order(len(self.split), self.seed, epoch)
        positions = order[place * self.size : (place + 1) * self.size]
        pixels = self.augmentation(self.split.images(positions), generator(self.seed, "augmentation", step))
        return Batch(self.normalisation(pixels.to(self.device)), positions, self.split)


def in_order(split: Split, data: ImageData, size: int, device: str = "cpu") -> Iterator[Batch]:
    """All images of a split, as they are, batch after batch."""
    for start in range(0, len(split), size):
        positions = torch.arange(start, min(start + size, len(split)))
        yield Batch(data.normalisation(split.images(positions).to(device)), positions, split)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(count, generator=generator(seed, "order", epoch))
