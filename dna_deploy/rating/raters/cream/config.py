"""What a supernet of Cream depends on, besides space and images."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from dna_deploy.rating.needs import Needs
from dna_deploy.rating.raters.one_shot.config import OneShotConfig


class CreamConfig(OneShotConfig):
    """As a one-shot supernet, with a board. Batches are larger: accuracies of 16 images would tell networks apart by luck."""

    needs: ClassVar = Needs(labels=True)

    batch: int = Field(64, ge=2, description="images a step, on which a network is judged")
    board: int = Field(10, ge=1, description="networks that may teach")
    alone: float = Field(1 / 6, ge=0, lt=1, description="share of the steps before there is a board; as the authors")
    table: Path | None = Field(None, description="a latency table, by whose milliseconds networks are cheap; none: by MACs")
