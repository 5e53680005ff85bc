"""The budget that a shrinking space keeps within reach, and when it shrinks."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from dna_deploy.errors import UsageError
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.units import Duration


class ShrinkingConfig(OneShotConfig):
    """As a one-shot supernet, with a latency that some network must always keep."""

    table: Path | None = Field(None, description="a latency table, by whose milliseconds a network keeps the budget")
    budget: str | None = Field(None, description="a latency (median) that what is left can keep, such as 3ms")

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.table is None) != (self.budget is None):
            raise UsageError(f"a budget of {self.budget} by the table {self.table} says nothing", "give both, or none")
        if self.budget is not None:
            Duration.parse(self.budget)
        return self


class ScheduleConfig(ShrinkingConfig):
    """A space that shrinks to a size, in rounds."""

    keep: int = Field(0, ge=0, description="networks to be left, about; 0: nothing is dropped")
    rounds: int = Field(10, ge=1, description="so often options are dropped, so that sizes fall by equal factors")
    alone: float = Field(2 / 3, gt=0, lt=1, description="share of the steps before any is dropped; that of ABS on ImageNet")
