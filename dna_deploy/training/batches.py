"""What a recipe teaches from: changed images and their classes, mixed where the recipe mixes.

Every random choice is a function of the seed, the step and the piece, so that any step can be the first after a resume.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from dna_deploy.data.batches import Batch, Changes, TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.training.recipe import Recipe


def recipe_batches(data: ImageData, recipe: Recipe, device: str = "cpu") -> TrainingBatches:
    """The batches of a training. They draw from torch's own generator: to be asked for by one thread alone."""
    changes: Changes = recipe.augmentation
    if recipe.rand_augment:
        changes = _RandAugmented(changes, recipe.rand_augment)
    mix = _Mixing(recipe, len(data.classes)) if recipe.mixup or recipe.cutmix else None
    return TrainingBatches(data.train, data.normalisation, changes, recipe.batch, recipe.seed, device, mix)


class _Mixing:
    """Torchvision's: it draws from torch's generator, which can be seeded and put back."""

    def __init__(self, recipe: Recipe, classes: int) -> None:
        from torchvision.transforms import v2

        kinds = ((v2.MixUp, recipe.mixup), (v2.CutMix, recipe.cutmix))
        self.seed = recipe.seed
        self.mixer = v2.RandomChoice([kind(alpha=alpha, num_classes=classes) for kind, alpha in kinds if alpha])

    def __call__(self, batch: Batch, step: int, piece: int) -> Batch:
        with seeded(self.seed, "mixing", step, piece):
            inputs, shares = self.mixer(batch.inputs, batch.labels())
        return replace(batch, inputs=inputs.contiguous(memory_format=torch.channels_last), shares=shares)


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
