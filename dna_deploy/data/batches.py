"""Which images a step sees: a function of the seed and the step, so that any step can be the first after a resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import torch

from dna_deploy.data.image_set import Normalisation
from dna_deploy.data.randomness import generator
from dna_deploy.data.splits import ImageData, Split

T = TypeVar("T")
Changes = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""Changes unsigned bytes ``(batch, channels, height, width)`` at random, such as an `Augmentation`."""


@dataclass(frozen=True)
class Batch:
    """Images ready for a network, ``(batch, channels, height, width)``, and where they stand in their split."""

    inputs: torch.Tensor
    positions: torch.Tensor
    split: Split
    shares: torch.Tensor | None = None
    """Of classes, ``(batch, classes)``, where several images were mixed into one."""

    def labels(self) -> torch.Tensor:
        """Their classes ``(batch,)``, fetched on demand: what never asks never sees a label. Where they are mixed, `shares`."""
        return self.split.labels(self.positions).to(self.inputs.device) if self.shares is None else self.shares

    def portions(self, count: int) -> list[Batch]:
        """The same, divided into so many of about one size."""
        parts = zip(self.inputs.tensor_split(count), self.positions.tensor_split(count), strict=True)
        shares = [None] * count if self.shares is None else self.shares.tensor_split(count)
        return [Batch(*part, self.split, share) for part, share in zip(parts, shares, strict=True)]


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled, augmented batches of the training images; the last, smaller batch of an epoch is left out."""

    split: Split
    normalisation: Normalisation
    augmentation: Changes
    size: int
    seed: int
    device: str = "cpu"
    mix: Callable[[Batch, int, int], Batch] | None = None
    """What is made of the batch of a step, and of a piece of it."""

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.split) // self.size)

    def at(self, step: int, piece: int = 0, pieces: int = 1) -> Batch:
        """The batch of a step, counted from 0 over all epochs; or one of so many pieces of it."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = _order(len(self.split), self.seed, epoch)
        positions = order[place * self.size : (place + 1) * self.size].tensor_split(pieces)[piece]
        rng = generator(self.seed, "augmentation", step, *([piece] if pieces > 1 else []))
        pixels = self.augmentation(self.split.images(positions), rng)
        batch = Batch(self.normalisation(_moved(pixels, self.device)), positions, self.split)
        return batch if self.mix is None else self.mix(batch, step, piece)


def prefetched(at: Callable[[int], T], steps: range, workers: int = 0) -> Iterator[T]:
    """What ``at`` gives for some steps, in order; so many threads prepare it ahead, or none, each when it is asked for."""
    if not workers:
        yield from map(at, steps)
        return
    ahead: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for step in steps:
            ahead.append(pool.submit(at, step))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(split: Split, data: ImageData, size: int, device: str = "cpu") -> Iterator[Batch]:
    """All images of a split, as they are, batch after batch."""
    for start in range(0, len(split), size):
        positions = torch.arange(start, min(start + size, len(split)))
        yield Batch(data.normalisation(_moved(split.images(positions), device)), positions, split)


def _moved(pixels: torch.Tensor, device: str) -> torch.Tensor:
    """Bytes on a device; to a GPU they go through pinned memory, while it computes."""
    if torch.device(device).type != "cuda":
        return pixels.to(device)
    return pixels.pin_memory().to(device, non_blocking=True)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(count, generator=generator(seed, "order", epoch))
