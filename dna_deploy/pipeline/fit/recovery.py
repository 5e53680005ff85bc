"""What is done to an assembled network before it is judged, and what a short fine-tuning gives back."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.data.image_set import ImageSet
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.fit.imitation import imitating
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.records.score import Metric
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.recipe import Recipe

BATCH = 64


@dataclass(frozen=True)
class Recovery:
    """How a network is fine-tuned: a recipe, and of several ways to learn by it the one that is best in a trial of one epoch.

    What is nearly good is spoilt by the larger, and what is broken learns too little with the smaller. ResNet-56 on CIFAR-10,
    an epoch of 2,000 images: a network with 79.1 % had 83.7 % after 3e-4 and 80.5 % after 1e-3; one with half of the units
    left out and 55.1 % had 74.1 % after 1e-3 (on 1,000 validation images, by which this was chosen).
    """

    recipe: Recipe
    learning_rates: tuple[float, ...] = (3e-4, 1e-3)
    """At which answers are learnt."""
    imitating_rates: tuple[float, ...] = (1e-3,)
    """At which the original's features at the ends of stages are learnt besides, by networks that have these."""

    @classmethod
    def of(cls, epochs: int, *, has_labels: bool, seed: int = 0) -> Self:
        """On the original's answers, and on labels where they are the model's."""
        return cls(Recipe(epochs=epochs, teacher_weight=0.5 if has_labels else 1.0, seed=seed))

    def trial(self, learning_rate: float) -> Recipe:
        """One epoch."""
        return self.recipe.model_copy(update={"epochs": 1, "learning_rate": learning_rate})


@dataclass(frozen=True)
class Answers:
    """A network that others learn from: its scores, without gradients."""

    network: nn.Module

    @torch.no_grad()
    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """Of images ``(batch, channels, height, width)``: ``(batch, classes)``."""
        scores: torch.Tensor = self.network(images)
        return scores


@dataclass(frozen=True)
class Answered:
    """Images whose labels are what a network answers, for data that has none of its own."""

    source: ImageSet
    answers: torch.Tensor
    """By the numbers of images in the source, ``(images,)``."""

    def __len__(self) -> int:
        return len(self.source)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        """Those of the source."""
        return self.source.images(indices)

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        """The network's answers."""
        return self.answers[indices]

    @classmethod
    @torch.no_grad()
    def by(cls, network: nn.Module, split: Split, data: ImageData) -> Split:
        """A split, answered."""
        answers = torch.zeros(len(split.source), dtype=torch.long)
        found = [network(batch.inputs).argmax(1) for batch in in_order(split, data, BATCH)]
        answers[split.indices] = torch.cat(found)
        return Split(cls(split.source, answers), split.indices)


def batches_of(split: Split, data: ImageData, most: int | None = None) -> list[torch.Tensor]:
    """The first images of a split as networks take them, batch by batch."""
    part = Split(split.source, split.indices[: most or len(split)])
    return [batch.inputs for batch in in_order(part, data, BATCH)]


def recovered(
    network: nn.Module,
    original: nn.Module,
    data: ImageData,
    recovery: Recovery,
    folder: Path,
    *,
    units: UnitNetwork | None = None,
    compute: Compute | None = None,
    on_progress: OnProgress = silent,
) -> nn.Module:
    """The network after a fine-tuning on labels and the original's answers; the same folder resumes.

    Args:
        network: Stays as it is.
        original: Whose soft answers are learnt.
        data: Trains on ``train``, chooses the way to learn and the epoch on ``validation``.
        recovery: How; a teacher's weight of 1 looks at no label, and chooses by agreement with the original.
        folder: Of its checkpoints.
        units: Of ``original`` itself, where the network is made of candidates of its units.
        compute: Where.
        on_progress: Hears of every step.
    """
    assert units is None or units.network is original
    if recovery.recipe.teacher_weight == 1:
        data = replace(data, validation=Answered.by(original, data.validation, data))
    weights = b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in network.state_dict().values())
    facts = f"fit {digest_of(weights)} {network} {data.digest}"

    def tuned(recipe: Recipe, *, imitates: bool) -> tuple[nn.Module, float]:
        """A copy after a recipe, and how good it was on validation images at its best."""
        copied = copy.deepcopy(network).requires_grad_(True)
        identity = digest_of(f"{facts} {recipe.model_dump_json()}{' and stages' if imitates else ''}".encode())
        run = Run("fine-tuning", identity, folder / identity[7:19], compute or Compute())
        with run.compute.limited_threads(), ExitStack() as stack:
            besides = [stack.enter_context(imitating(units, copied))] if units and imitates else []
            best = fit(copied, data, recipe, run, teacher=Answers(original), besides=besides, on_progress=on_progress)
        return copied.eval().requires_grad_(False), best.metrics[0].merit

    ways = [(rate, False) for rate in recovery.learning_rates] + [(rate, True) for rate in recovery.imitating_rates if units]
    trials = {(rate, imitates): tuned(recovery.trial(rate), imitates=imitates) for rate, imitates in ways}
    rate, imitates = max(trials, key=lambda way: trials[way][1])
    if recovery.recipe.epochs == 1:
        return trials[rate, imitates][0]
    return tuned(recovery.recipe.model_copy(update={"learning_rate": rate}), imitates=imitates)[0]


def fitting_batches(split: Split, data: ImageData, most: int) -> list[torch.Tensor]:
    """The same to gather statistics on: an image that is left over alone has none where a map is a single place."""
    return [batch for batch in batches_of(split, data, most) if len(batch) > 1]


@dataclass(frozen=True)
class Standing:
    """How near a network is to the original on images that nothing was chosen by, and how often it is right."""

    agreement: float
    divergence: float
    images: int
    accuracy: Metric | None

    @property
    def standard_error(self) -> float:
        """Of the agreement."""
        return float((self.agreement * (1 - self.agreement) / self.images) ** 0.5)


def standing(network: nn.Module, judge: Judge, data: ImageData | None) -> Standing:
    """Of a network on the judge's images, and its accuracy on the test images of labelled data."""
    answers = judge.answers_of(network)
    agreement = judge.agreement(answers).double()
    accuracy = measure_accuracy(network, data.test, data) if data is not None else None
    return Standing(float(agreement.mean()), judge.divergence(answers).value, len(agreement), accuracy)
