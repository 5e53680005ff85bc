"""What a one-shot supernet depends on, besides space and images."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.rating.needs import Needs
from dna_deploy.records.files import Part, equal_to


class OneShotConfig(Part):
    """Training and rating of a one-shot supernet."""

    needs: ClassVar = Needs(labels=True)

    epochs: int = Field(6, ge=1, description="passes over the training images")
    batch: int = Field(16, ge=2, description="images a step: more steps tell more than larger batches, as for block supernets")
    learning_rate: float = Field(4e-3, gt=0, description="the highest learning rate; a cosine brings it to zero")
    weight_decay: float = Field(1e-4, ge=0, description="of Adam")
    warm_up: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of every label that all classes get")
    share_depths: bool = Field(True, description="cells of one width share layers, shallower ones stop early; else none do")
    share_widths: bool = Field(
        False, exclude_if=equal_to(False), description="a narrower layer has the first channels of a wider one; else its own"
    )
    calibration_images: int = Field(
        512, ge=2, description="training images that give a path its batch statistics before it is rated"
    )
    rating_batch: int = Field(250, ge=2, description="images at once, when networks are rated")
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0, description="of everything random in it")
