"""How often and how long each model is timed: the ``[sampling]`` part of a target file."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Statistic: TypeAlias = Literal["min", "p10", "p25", "p50"]


class SamplingPlan(BaseModel):
    """In each round every model is visited once, in a new random order; a visit is a warm-up and some timed runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: int = Field(default=96, ge=2, le=100_000)
    runs: int = Field(default=2, ge=1, le=10_000, description="timed runs at each visit")
    warmup_runs: int = Field(default=2, ge=0, le=10_000, description="runs before them that are not counted")
    warmup_s: float = Field(default=0.0, ge=0, le=60, description="warm up for at least so long: a GPU needs 0.2")
    budget_s: float | None = Field(default=None, gt=0, description="stop after the round in which this time is used up")
    timeout_s: float = Field(default=60.0, gt=0, description="a model that does not answer for so long is given up")
    statistic: Statistic = Field(default="p25", description="what a row of the table holds")
    seed: int = Field(default=0, ge=0)
