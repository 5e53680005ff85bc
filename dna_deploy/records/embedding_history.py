"""How much the embeddings of a self-supervised training differed between images, along its steps; and where they collapsed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Part, Provenance, Record


class EmbeddingLook(Part):
    """The embeddings of one block after a step, on that step's images."""

    step: int = Field(ge=1)
    block: int = Field(ge=1)
    deviation: float = Field(description="mean deviation of a dimension, as a share of an even spread's")
    effective_rank: float
    cosine: float = Field(description="mean cosine between two images")
    collapsed: bool = Field(description="whether a limit was passed")


class EmbeddingHistory(Record):
    """The looks that were taken, in order."""

    KIND: ClassVar[str] = "embedding-history"

    provenance: Provenance
    method: str
    size: int = Field(ge=1, description="dimensions of embeddings")
    limits: dict[str, float] = Field(description="least deviation, least share of dimensions in use, highest cosine")
    stopped_at: int | None = Field(description="the step at which a collapsed block ended the training; None: none did")
    looks: tuple[EmbeddingLook, ...]
