"""What SETN depends on, besides space and images."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.rating.raters.one_shot.config import OneShotConfig


class SetnConfig(OneShotConfig):
    """As a one-shot supernet, with an evaluator."""

    evaluator_rate: float = Field(
        3e-3, gt=0, description="learning rate of the evaluator; the authors' 0.0003 is for trainings a hundred times as long"
    )
    evaluator_every: int = Field(4, ge=1, description="steps of the weights between two of the evaluator")
