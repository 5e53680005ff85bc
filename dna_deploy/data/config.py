"""Which images, and how many serve for what."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dna_deploy.records.files import Part


class DataConfig(Part):
    """Which images, and how they are divided."""

    dataset: str = Field("fashion-mnist", description="a data set by name, or a folder with one folder of images a class")
    folder: Path | None = Field(None, description="where a named data set lies, if not in one of the usual places")
    train_images: int | None = Field(None, gt=0, description="images to train on; None takes all that remain")
    rating_images: int | None = Field(
        None, gt=0, description="held-out training images on which candidates are rated; by default a tenth, at most 2000"
    )
    validation_images: int | None = Field(
        None, gt=0, description="held-out training images that choose the best epoch; by default a tenth, at most 2000"
    )
    seed: int = Field(0, ge=0)
