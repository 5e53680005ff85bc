"""What a supernet of Cream depends on, besides space and images."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dna_deploy.rating.raters.one_shot.config import OneShotConfig


class BoardConfig(OneShotConfig):
    """As a one-shot supernet, with a board. Batches are larger: accuracies of 16 images would tell networks apart by luck."""

    batch: int = Field(64, ge=2, description="images a step, on which a network is judged")
    board: int = Field(10, ge=1, description="networks that may teach")
    alone: float = Field(1 / 6, ge=0, lt=1, description="share of the steps before there is a board; as the authors")
    table: Path | None = Field(None, description="a latency table, by whose milliseconds networks are cheap; none: by MACs")


class CreamConfig(BoardConfig):
    """With a map that matches teachers to students."""

    matching_rate: float = Field(
        1e-2, gt=0, description="of the map, by Adam; theirs, 1e-4, is for trainings a hundred times as long"
    )
    matching_every: int = Field(20, ge=1, description="steps of the weights between two of the map; theirs: 200 of 150,000")
