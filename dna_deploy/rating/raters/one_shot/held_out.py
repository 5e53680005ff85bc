"""What is learnt on held-out images beside a supernet's weights, which are only looked at: likelihoods, gates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.learning.phase import Callback, Phase, StepView
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.one_shot.training import OneShotWork


class HeldOutLoss(Callback, ABC):
    """An objective in one step of ``every``; in the others it rests, and its last loss stands in the history."""

    measure: str

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


def held_out_phase(
    work: OneShotWork, group: nn.Module, loss: HeldOutLoss, rate: float, subject: str, file: str, **adam: Any
) -> Phase:
    """How something beside the weights learns, by Adam at one rate: on the images on which networks are rated, as they are."""
    config, data = work.config, work.data
    return Phase(
        objectives=[loss],
        group=group,
        optimiser=Adam(group.parameters(), rate, **adam),
        rate=lambda _: rate,
        batches=TrainingBatches(
            data.rating, data.normalisation, lambda pixels, _: pixels, config.batch, config.seed, work.compute.device
        ),
        histories={subject: work.folder / file},
    )


@torch.no_grad()
def held_out_accuracy(work: OneShotWork, path: nn.Module, count: int) -> float:
    """How often a path is right on so many held-out images at most, with the statistics of their batches."""
    split, right = work.data.rating, 0.0
    positions = torch.arange(min(count, len(split)))
    with batch_statistics(path):
        for some in torch.tensor_split(positions, -(-len(positions) // work.config.rating_batch)):
            images = work.data.normalisation(split.images(some).to(work.compute.device))
            right += float((path(images).argmax(1).cpu() == split.labels(some)).sum())
    return right / len(positions)


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
