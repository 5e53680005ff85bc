"""What the evolution of a space depends on, besides space and images."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.rating.raters.shrinking.config import ShrinkingConfig


class EvolvingConfig(ShrinkingConfig):
    """As a one-shot supernet in every round; the table and the budget are needed."""

    epochs: int = Field(2, ge=1, description="passes over the training images in every round")
    live: int = Field(5, ge=2, description="operations of a layer that are trained at once (the authors': 5 or 6)")
    rounds: int = Field(0, ge=0, description="of evolution; 0: until every operation was trained")
    gate_rate: float = Field(0.02, gt=0, description="learning rate of the gates; the authors' 0.005 is for long trainings")
    gate_every: int = Field(2, ge=1, description="steps of the weights between two of the gates (theirs, too)")
    penalty: float = Field(1.0, ge=0, description="weight of the squared share by which the expected latency is off the budget")
    least_gate: float = Field(-2.0, description="logit below which an operation is dropped that no network of the front holds")
    networks: int = Field(200, ge=1, description="networks within the budget that are judged in a round; the authors' 2000")
    judged: int = Field(256, ge=1, description="held-out images on which networks are judged, at most")
