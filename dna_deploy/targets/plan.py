"""How often and how long each model is timed: the ``[sampling]`` part of a target file."""

from __future__ import annotations

import math
import operator
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Statistic: TypeAlias = Literal["min", "p10", "p25", "p50"]


MOST_TIMES = 32
"""How many times the rounds of a plan may be done to use its least time."""


class SamplingPlan(BaseModel):
    """In each round every model is visited once, in a new random order; a visit is a warm-up and some timed runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: int = Field(default=96, ge=2, le=100_000)
    runs: int = Field(default=2, ge=1, le=10_000, description="timed runs at each visit")
    warmup_runs: int = Field(default=2, ge=0, le=10_000, description="runs before them that are not counted")
    warmup_s: float = Field(default=0.0, ge=0, le=60, description="warm up for at least so long: a GPU needs 0.2")
    least_s: float = Field(
        default=0.0,
        ge=0,
        description="small models: go on with further rounds until so much time is used, at most MOST_TIMES as many",
    )
    budget_s: float | None = Field(default=None, gt=0, description="stop after the round in which this time is used up")
    timeout_s: float = Field(default=60.0, gt=0, description="a model that does not answer for so long is given up")
    idle_s: float = Field(
        default=0.0,
        ge=0,
        le=60,
        exclude_if=operator.not_,  # files made before it keep their digests
        description="rest before every timed run, as where frames come now and then; 0 runs back to back",
    )
    statistic: Statistic = Field(default="p25", description="what a row of the table holds")
    seed: int = Field(default=0, ge=0)
    steady: bool = Field(
        default=False,
        exclude_if=operator.not_,  # files made before it keep their digests
        description="throw visits away during which others slowed the processor down, and repeat them",
    )

    def is_over(self, rounds: int, seconds: float) -> bool:
        """Whether to stop after so many rounds and so much time: enough is done, or another round would not fit."""
        if self.budget_s is not None and rounds >= 2 and seconds * (1 + 1 / rounds) > self.budget_s:
            return True
        return rounds >= self.rounds and (seconds >= self.least_s or rounds >= MOST_TIMES * self.rounds)

    def expected_rounds(self, rounds: int, seconds: float) -> int:
        """How many rounds it will be in all, judged by those that are done, and never fewer than they."""
        pace = seconds / max(1, rounds)
        needed = max(self.rounds, min(MOST_TIMES * self.rounds, math.ceil(self.least_s / pace) if pace > 0 else 0))
        if self.budget_s is not None and pace > 0:
            needed = max(2, min(needed, math.floor(self.budget_s / pace)))
        return max(rounds, needed)
