"""What is learnt on held-out images beside a supernet's weights, which are only looked at: likelihoods, gates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.learning.phase import Callback, StepView
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.one_shot.training import OneShotWork


class HeldOutLoss(Callback, ABC):
    """An objective in one step of ``every``; in the others it rests, and its last loss stands in the history."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._total, self._images = 0.0, 1

    @abstractmethod
    def of(self, view: StepView) -> torch.Tensor:
        """The loss of a step in which it does not rest, ``()``."""

    def loss(self, view: StepView) -> torch.Tensor:
        if view.step % self._every:
            return torch.tensor(self._total / self._images)
        loss, count = self.of(view), len(view.batch.inputs)
        if view.portion == 0:  # a step begins, or begins again in smaller portions
            self._total, self._images = 0.0, 0
        self._total += float(loss.detach()) * count
        self._images += count
        return loss

    def facts(self) -> dict[str, Any]:
        return {"held_out": [self._total, self._images]}

    def restore(self, facts: Mapping[str, Any]) -> None:
        self._total, self._images = facts.get("held_out", (0.0, 1))


def held_out_batches(work: OneShotWork) -> TrainingBatches:
    """The images on which networks are rated, shuffled and as they are."""
    config, data = work.config, work.data
    return TrainingBatches(
        data.rating, data.normalisation, lambda pixels, _: pixels, config.batch, config.seed, work.compute.device
    )


@contextmanager
def only_looked_at(supernet: OneShotSupernet) -> Iterator[None]:
    """Inside, weights need no gradient and batch norms keep no statistics."""
    weights = [weight for name, weight in supernet.named_parameters() if name.startswith(("stem.", "choices.", "heads."))]
    try:
        for weight in weights:
            weight.requires_grad_(False)
        with batch_statistics(supernet):
            yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
