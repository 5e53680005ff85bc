"""A shortlist after its second stage: whole networks, stitched from trained blocks, compared with the teacher's answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance, Record


class RefinedNetwork(Part):
    """One network of the shortlist with all that is known about it."""

    architecture: str
    divergence: float = Field(description="of the network as it is stitched, without training; what from, the refinement says")
    standard_error: float = Field(ge=0, description="of the divergence, over images; over batches where it is not from answers")
    temperature: float | None = Field(
        gt=0, description="the one that suits the network best; None where they are taken as they are, or sets differ"
    )
    agreement: float | None = Field(ge=0, le=1, description="how often its answer is the teacher's; None without a teacher")
    rating: float = Field(description="the sum of its blocks' ratings: the first stage")
    parameters: int
    macs: int
    accuracy: float | None = Field(description="of the stitched network on the rating slice; None where no label was used")
    mean_rank: float = Field(ge=1, description="mean of its ranks by what the refinement names")


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 took scores as they are, did not ask how often answers agree, and ranked by block ratings, too."""
    networks = [{**network, "temperature": None, "agreement": None} for network in body["networks"]]
    return {**body, "networks": networks, "ranked_by": ["divergence", "rating", "parameters"]}


def _of_version_3(body: dict[str, Any]) -> dict[str, Any]:
    """Version 2 compared scores with the teacher's scores, and did not shift them."""
    return {**body, "divergence_from": "centre" if body["teacher"] == "none" else "scores"}


class Refinement(Record):
    """The shortlist, best first."""

    KIND: ClassVar[str] = "refinement"
    SCHEMA_VERSION: ClassVar[int] = 3
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2, 2: _of_version_3})

    provenance: Provenance
    space: str
    space_digest: str
    ratings: str = Field(description="digest of the rating table of the first stage")
    teacher: str = Field(description="the digest of the teacher; 'none' for dna++")
    dataset: str
    images: int
    sets: int = Field(1, ge=1, description="of supernets, each with a seed of its own: the numbers are their means")
    divergence_from: Literal["answers", "scores", "centre"] = Field(
        description="answers: KL divergence, nats, from the classes that the teacher names; scores: from its scores; centre: "
        "squared distance from the population's centre (dna++)"
    )
    ranked_by: tuple[str, ...] = Field(description="whose ranks are averaged: fields of the networks")
    networks: tuple[RefinedNetwork, ...] = Field(min_length=1)
