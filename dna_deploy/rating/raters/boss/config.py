"""What a bootstrapped rating depends on, besides space and images."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters.dna_pp.config import CollapseLimits
from dna_deploy.records.files import Part


class BossConfig(Part):
    """Training and rating of blocks, one after the other."""

    needs: ClassVar = Needs()
    against_collapse: ClassVar = "take more paths a step, or a lower learning rate"

    epochs: int = Field(4, ge=1, description="passes over the training images, for every block")
    batch: int = Field(64, ge=4, description="images a step, each in two views for every path")
    learning_rate: float = Field(4e-3, gt=0, description="the highest learning rate; a cosine brings it to zero")
    weight_decay: float = Field(1e-4, ge=0, description="of Adam")
    ensemble: int = Field(4, ge=2, description="paths a trunk and step, whose mean is what each of them learns")
    share_depths: bool = Field(True, description="cells of one width share layers, shallower ones stop early; else none do")
    hidden: int = Field(128, ge=2, description="width inside projectors and predictors; 4096 in the paper")
    size: int = Field(64, ge=2, description="dimensions of embeddings; 256 in the paper")
    momentum: float = Field(0.99, ge=0, le=1, description="of the moving average at first; a cosine brings it to one")
    views: Augmentation = Augmentation(shift=2, flip=True, crop=0.4)
    limits: CollapseLimits = CollapseLimits()
    rating_batch: int = Field(250, ge=2, description="images whose statistics a candidate's batch norms use")
    seed: int = Field(0, ge=0, description="of everything random in it")
