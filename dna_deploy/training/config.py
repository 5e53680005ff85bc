"""Which teacher, and how it and the chosen network are trained. Readable without torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from dna_deploy.errors import UsageError
from dna_deploy.nets.teachers.sources import source_names
from dna_deploy.plugins import suggest
from dna_deploy.records.files import Part, equal_to
from dna_deploy.training.recipe import Recipe
from dna_deploy.values import read_names

RECORD, WEIGHTS = "trained-network.json", "weights.safetensors"
"""What a training leaves."""

LARGEST, RESIDUAL = "largest", "residual"
"""Trained here: the largest network of the space, or a small residual one, which takes a quarter of the time."""
LEAST_EPOCHS, LEAST_STEPS = 4, 250
"""With 28 steps (500 images of Fashion-MNIST, 4 epochs) the largest network of `fashion` was right on 15 % of new images, a
residual one on 67 %; with 250 (32 epochs) on 83 and 85 %."""


def usual_epochs(images: int, batch: int) -> int:
    """Epochs of a teacher's training where nobody asks for others: more on few images, whose epochs have few steps."""
    return max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / _steps_per_epoch(images, batch)))


def _steps_per_epoch(images: int, batch: int) -> int:
    return max(1, images // batch)


class TeacherConfig(Part):
    """Which teacher, and how it is made: the shape and recipe of one trained here, or how a pretrained one is taken."""

    name: str = Field(LARGEST, description="'largest' (of the space), 'residual', or source:model, such as timm:resnet18")

    width_factor: float = Field(
        1.6, gt=0, description="of a residual one: its width, relative to each block's widest candidates"
    )
    depth: int = Field(1, ge=1, description="of a residual one: residual blocks a stage")
    recipe: Recipe = Recipe()
    weights: Path | None = Field(None, description="of a pretrained teacher: a file instead of its published weights")
    cuts: Annotated[tuple[str, ...], BeforeValidator(read_names)] = Field(
        (), description="of a pretrained teacher: modules that end a block, instead of those found"
    )
    calibration_images: int = Field(256, ge=0, description="of a pretrained teacher: its batch norms are recalibrated on them")

    @property
    def is_trained_here(self) -> bool:
        """Whether it is made on the user's images, and not taken as it is."""
        return self.name in (LARGEST, RESIDUAL)

    def check(self) -> None:
        """Raises `UsageError` where there can be no such teacher, as far as names say it: nothing is imported or opened."""
        source, colon, _ = self.name.partition(":")
        if not colon and not self.is_trained_here and not Path(self.name).is_file():
            names = ", ".join((LARGEST, RESIDUAL, *(f"{source}:MODEL" for source in source_names())))
            raise UsageError(f"there is no teacher {self.name!r}", f"give a teacher's file, or one of {names}")
        if colon and source not in source_names():
            raise UsageError(f"unknown teacher {source!r}", suggest(source, source_names()))
        if not colon and (self.weights is not None or self.cuts):
            what = "weights are" if self.weights is not None else "cuts are"
            raise UsageError(
                f"{what} given, but teacher {self.name!r} takes none", "name their network: --teacher timm:resnet18"
            )
        if self.weights is not None and not self.weights.is_file():
            raise UsageError(f"there is no file of weights {self.weights}", "give one, or leave it out for those published")

    def for_images(self, count: int) -> TeacherConfig:
        """The config with as many epochs as so many images need, unless its recipe was told how many."""
        if "epochs" in self.recipe.model_fields_set:
            return self
        epochs = usual_epochs(count, self.recipe.batch)
        return self.model_copy(update={"recipe": self.recipe.model_copy(update={"epochs": epochs})})

    def epochs_notice(self, images: int) -> str:
        """What is said where a teacher trained here sees few images more often than others do; else nothing."""
        epochs, steps = self.for_images(images).recipe.epochs, _steps_per_epoch(images, self.recipe.batch)
        if not self.is_trained_here or "epochs" in self.recipe.model_fields_set or epochs == LEAST_EPOCHS:
            return ""
        return (
            f"the teacher learns for {epochs} epochs: {images:,} images are {steps} step(s) an epoch, "
            f"and it takes {LEAST_STEPS} steps; say otherwise with teacher.recipe.epochs"
        )


class TrainingConfig(Part):
    """How the chosen network is trained, and for what."""

    recipe: Recipe = Recipe()
    task: str = Field("classification", description="what the network is for", exclude_if=equal_to("classification"))
