"""A shortlist after its second stage: whole networks, stitched from trained blocks, compared with the teacher's answers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Part, Provenance, Record


class RefinedNetwork(Part):
    """One network of the shortlist with all that is known about it."""

    architecture: str
    divergence: float = Field(
        description="KL divergence of its scores from the teacher's, nats; without a teacher (dna++), the squared distance of "
        "its embeddings from the population's centre; stitched, without training"
    )
    standard_error: float = Field(ge=0, description="of the divergence, over batches")
    rating: float = Field(description="the sum of its blocks' ratings: the first stage")
    parameters: int
    macs: int
    accuracy: float | None = Field(description="of the stitched network on the rating slice; None where no label was used")
    mean_rank: float = Field(ge=1, description="mean of its ranks by divergence, by rating, and by parameters (more is better)")


class Refinement(Record):
    """The shortlist, best first."""

    KIND: ClassVar[str] = "refinement"

    provenance: Provenance
    space: str
    space_digest: str
    ratings: str = Field(description="digest of the rating table of the first stage")
    teacher: str = Field(description="the digest of the teacher; 'none' for dna++")
    dataset: str
    images: int
    networks: tuple[RefinedNetwork, ...] = Field(min_length=1)
