"""What a recipe teaches from: changed images and their classes, mixed where the recipe mixes.

Every random choice is a function of the seed, the step and the piece, so that any step can be the first after a resume.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from dna_deploy.data.batches import Batch, Changes, TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.training.recipe import Recipe


@dataclass(frozen=True)
class RecipeBatches:
    """All batches of a training. They draw from torch's own generator: to be asked for by one thread alone."""

    data: ImageData
    recipe: Recipe
    device: str = "cpu"

    @property
    def steps_per_epoch(self) -> int:
        return self._batches.steps_per_epoch

    def at(self, step: int, piece: int = 0, pieces: int = 1) -> Batch:
        """The batch of a step, or one of so many pieces of it, all counted from 0."""
        batch = self._batches.at(step, piece, pieces)
        if self._mixer is None:
            return batch
        with seeded(self.recipe.seed, "mixing", step, piece):
            inputs, shares = self._mixer(batch.inputs, batch.labels())
        return replace(batch, inputs=inputs.contiguous(memory_format=torch.channels_last), shares=shares)

    @cached_property
    def _batches(self) -> TrainingBatches:
        data, recipe = self.data, self.recipe
        changes: Changes = recipe.augmentation
        if recipe.rand_augment:
            changes = _RandAugmented(changes, recipe.rand_augment)
        return TrainingBatches(data.train, data.normalisation, changes, recipe.batch, recipe.seed, self.device)

    @cached_property
    def _mixer(self) -> Any:
        """Torchvision's: it draws from torch's generator, which can be seeded and put back. None where nothing is mixed."""
        from torchvision.transforms import v2

        classes = len(self.data.classes)
        kinds = ((v2.MixUp, self.recipe.mixup), (v2.CutMix, self.recipe.cutmix))
        mixers = [kind(alpha=alpha, num_classes=classes) for kind, alpha in kinds if alpha]
        return v2.RandomChoice(mixers) if mixers else None


@dataclass(frozen=True)
class _RandAugmented:
    """RandAugment after other changes: two operations an image, of one magnitude."""

    first: Changes
    magnitude: int

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        from torchvision.transforms import v2

        change = v2.RandAugment(magnitude=self.magnitude)
        changed = self.first(pixels, rng)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(int(torch.randint(2**62, (), generator=rng)))
            return torch.stack([change(image) for image in changed])
