"""What DDPNAS depends on, besides space and images."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.rating.raters.shrinking.config import ShrinkingConfig


class PruningConfig(ShrinkingConfig):
    """As a one-shot supernet, with a distribution over the options of every slot."""

    left: int = Field(1, ge=1, description="options that every slot keeps; with more than one, a search takes the rest")
    sweeps: int = Field(3, ge=1, description="times that every option is trained and judged in a round (the authors': 3)")
    temperature: float = Field(100.0, gt=0, description="by which accuracies (0 to 1) are multiplied before their softmax")
    momentum: float = Field(0.9, ge=0, lt=1, description="of the distribution's changes")
    judged: int = Field(256, ge=1, description="held-out images on which a network is judged, at most")
