"""What a search for ensembles depends on, besides space and images."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.rating.raters.shrinking.config import ScheduleConfig


class EnsembleConfig(ScheduleConfig):
    """As a one-shot supernet whose space shrinks, trained along several branches at once."""

    keep: int = Field(10_000, ge=1, description="networks to be left before ensembles are searched, about")
    branches: int = Field(2, ge=2, le=8, description="networks of an ensemble; theirs: 2")
    diversity: float = Field(0.5, ge=0, description="weight of diversity beside potential, where options are dropped; 0: none")
    children: int = Field(100, ge=1, description="ensembles that are judged whenever options are dropped")
    judged: int = Field(256, ge=1, description="held-out images on which ensembles are judged, at most")
    searched: int = Field(200, ge=1, description="ensembles that the final search judges")
