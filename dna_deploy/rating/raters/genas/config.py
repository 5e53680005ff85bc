"""What a rating by flatness depends on, besides space and images."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field, model_validator

from dna_deploy.errors import UsageError
from dna_deploy.rating.raters.one_shot.config import OneShotConfig


class FlatnessConfig(OneShotConfig):
    """As a one-shot supernet, with the noise that its weights are given."""

    noises: tuple[float, ...] = Field((0.001, 0.003, 0.006), description="deviations of the noise, one after the other")

    @model_validator(mode="after")
    def _noises_rise(self) -> FlatnessConfig:
        if len(self.noises) < 2 or self.noises[0] <= 0 or any(less >= more for less, more in pairwise(self.noises)):
            raise UsageError(f"noises of {self.noises} have no slope", "give two or more that rise, such as 0.001,0.003,0.006")
        return self
