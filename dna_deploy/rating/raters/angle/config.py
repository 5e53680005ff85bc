"""What a rating by angle depends on, and how a space is shrunk by it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters.shrinking.config import ShrinkingConfig


class AngleConfig(ShrinkingConfig):
    """As a one-shot supernet; ``keep`` makes it drop options on the way."""

    needs: ClassVar = Needs(labels=True)

    keep: int = Field(0, ge=0, description="networks to be left, about; 0: nothing is dropped")
    rounds: int = Field(10, ge=1, description="so often options are dropped, so that sizes fall by equal factors")
    alone: float = Field(2 / 3, gt=0, lt=1, description="share of the steps before any is dropped; the authors' on ImageNet")
    children: int = Field(1000, ge=1, description="networks drawn whenever options are dropped; theirs, too")
    by: Literal["angle", "chance"] = Field("angle", description="what is dropped first; chance is the control")
