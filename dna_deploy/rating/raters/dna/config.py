"""What a rating depends on, besides space, teacher and images."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.errors import UsageError
from dna_deploy.nets.supernets import Edges
from dna_deploy.rating.needs import Needs
from dna_deploy.records.files import Part


class RatingConfig(Part):
    """Training and rating of the block supernets. What ratings know depends on steps first, so that batches are small: with 16
    images a step they know more than with 32 on as many images (`benchmarks/results/rating.md`).
    """

    needs: ClassVar = Needs(teacher=True, processes=True)

    epochs: int = Field(4, ge=1, description="passes of the supernets over their images")
    batch: int = Field(16, ge=2, description="images a step; what ratings know depends on the number of steps")
    learning_rate: float = Field(4e-3, gt=0, description="the highest learning rate; a cosine brings it to zero")
    learning_rates: tuple[float, ...] = Field((), description="one a block, instead of one for all")
    weight_decay: float = Field(1e-4, ge=0, description="of Adam")
    edges: Edges = Field("adaptors", description="how channels of teacher and student are made to fit")
    share_depths: bool = Field(True, description="cells of one width share layers, shallower ones stop early; else none do")
    rating_batch: int = Field(250, ge=2, description="images whose statistics a candidate's batch norms use")
    settled_top: int = Field(5, ge=0, description="a block's rating stops once the order of so many best is settled; 0: never")
    augmentation: Augmentation = Augmentation()
    supernet_sets: int = Field(
        1,
        ge=1,
        exclude=True,  # each set has an identity of its own
        title="sets of supernets",
        description="sets of them, each with a seed of its own, whose ratings are averaged: 3 know more, and take longer",
    )
    seed: int = Field(0, ge=0, description="of everything random in it")

    def learning_rate_of(self, block: int) -> float:
        """The highest learning rate of one block."""
        return self.learning_rates[block] if self.learning_rates else self.learning_rate

    def check_blocks(self, count: int) -> None:
        """Raises `UsageError` if there are learning rates for another number of blocks."""
        if self.learning_rates and len(self.learning_rates) != count:
            raise UsageError(
                f"{len(self.learning_rates)} learning rates for {count} blocks", "give one a block, or one for all"
            )

    @model_validator(mode="after")
    def _positive_rates(self) -> RatingConfig:
        if any(rate <= 0 for rate in self.learning_rates):
            raise UsageError(f"learning rates must be positive, not {self.learning_rates}")
        return self
