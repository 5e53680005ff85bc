"""What a population depends on, besides space and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.errors import UsageError
from dna_deploy.rating.needs import Needs
from dna_deploy.records.files import Part

if TYPE_CHECKING:
    from dna_deploy.rating.raters.dna_pp.embedding import Spread


class CollapseLimits(Part):
    """Where embeddings count as collapsed, and for how long they may."""

    deviation: float = Field(0.3, ge=0, description="least deviation of a dimension, as a share of an even spread's")
    rank: float = Field(0.1, ge=0, le=1, description="least effective rank, as a share of the dimensions")
    cosine: float = Field(0.9, ge=-1, description="highest mean cosine between images")
    every: int = Field(20, ge=1, description="steps between two looks")
    grace: float = Field(0.1, ge=0, lt=1, description="share of the steps before which no block is judged: all begin narrow")
    patience: int = Field(5, ge=1, description="looks in a row that find a block collapsed before training stops")

    def are_passed_by(self, spread: Spread, size: int) -> bool:
        """Whether embeddings of so many dimensions count as collapsed."""
        is_narrow = spread.deviation < self.deviation or spread.cosine > self.cosine
        return is_narrow or spread.effective_rank < self.rank * size


class PopulationConfig(Part):
    """Training and rating of a population."""

    needs: ClassVar = Needs()
    against_collapse: ClassVar = "raise the weight of divergence, or take moving-average targets"

    epochs: int = Field(4, ge=1, description="passes over the training images")
    batch: int = Field(64, ge=4, description="images a step, each in two views")
    learning_rate: float = Field(4e-3, gt=0, description="the highest learning rate; a cosine brings it to zero")
    weight_decay: float = Field(1e-4, ge=0, description="of Adam")
    draws: int = Field(1, ge=1, description="paths a trunk and step that learn")
    ensemble: int = Field(
        2, ge=1, description="paths a trunk and step whose candidates make the centre; the draws are among them"
    )
    rating_ensemble: int = Field(32, ge=1, description="paths a trunk whose candidates make the centre that is rated against")
    share_depths: bool = Field(True, description="cells of one width share layers, shallower ones stop early; else none do")
    hidden: int = Field(128, ge=2, description="width inside projectors and predictors")
    size: int = Field(64, ge=2, description="dimensions of embeddings")
    targets: Literal["ema", "joint"] = Field(
        "ema", description="ema: the centre is a moving average's, without gradients; joint: it is the online half's own"
    )
    momentum: float = Field(0.99, ge=0, le=1, description="of the moving average at first; a cosine brings it to one")
    divergence: float = Field(1.0, ge=0, description="weight of the term that works against collapse")
    decorrelation: float = Field(0.04, ge=0, description="weight of covariances in that term; as in VICReg, 1 to 25")
    views: Augmentation = Augmentation(shift=2, flip=True, crop=0.4)
    limits: CollapseLimits = CollapseLimits()
    rating_batch: int = Field(250, ge=2, description="images whose statistics a candidate's batch norms use")
    settled_top: int = Field(5, ge=0, description="a block's rating stops once the order of so many best is settled; 0: never")
    seed: int = Field(0, ge=0, description="of everything random in it")

    @model_validator(mode="after")
    def _learners_are_members(self) -> PopulationConfig:
        if self.ensemble < self.draws:
            raise UsageError(f"an ensemble of {self.ensemble} paths cannot hold {self.draws} draws", "make it larger")
        return self
