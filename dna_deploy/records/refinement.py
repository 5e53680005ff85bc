"""A shortlist after its second stage: whole networks, stitched from trained blocks, compared with the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.space_record import SpaceRecord


class RefinedNetwork(Part):
    """One network of the shortlist with all that is known about it."""

    architecture: str
    divergence: float = Field(description="of the network as it is stitched, without training; what from, the refinement says")
    standard_error: float = Field(ge=0, description="of the divergence, over images; over batches without a teacher")
    temperature: float | None = Field(
        gt=0, description="the one that suits the network best; None where they are taken as they are, or sets differ"
    )
    known: float | None = Field(
        description="what it knows of the teacher's beliefs beyond which classes are frequent, as a share of ln(classes); None "
        "without a teacher, and before version 4"
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


def _of_version_4(body: dict[str, Any]) -> dict[str, Any]:
    """Version 3 did not ask how much is known, and compared with the classes that the teacher names."""
    return {**body, "networks": [{**network, "known": None} for network in body["networks"]]}


def _of_version_5(body: dict[str, Any]) -> dict[str, Any]:
    """Version 4 knew no networks that are judged by labels alone."""
    return body


class Refinement(SpaceRecord):
    """The shortlist, best first."""

    KIND: ClassVar[str] = "refinement"
    SCHEMA_VERSION: ClassVar[int] = 5
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType(
        {1: _of_version_2, 2: _of_version_3, 3: _of_version_4, 4: _of_version_5}
    )

    provenance: Provenance
    ratings: str = Field(description="digest of the rating table of the first stage")
    teacher: str = Field(description="the digest of the teacher; 'none' where there is none")
    dataset: str
    images: int
    sets: int = Field(1, ge=1, description="of supernets, each with a seed of its own: the numbers are their means")
    divergence_from: Literal["beliefs", "answers", "scores", "centre", "labels"] = Field(
        description="beliefs: KL divergence, nats, from the teacher's probabilities; scores: the same, of scores that are not "
        "shifted (before version 3); answers: from the class that it names (version 3); centre: squared distance from the "
        "population's centre (dna++); labels: cross entropy, nats, with shared weights (setn)"
    )
    ranked_by: tuple[str, ...] = Field(description="whose ranks are averaged: fields of the networks")
    networks: tuple[RefinedNetwork, ...] = Field(min_length=1)

    def reorder(self, outcome: SearchOutcome) -> SearchOutcome:
        """The outcome with its shortlist in the order of this stage."""
        shortlist = {network.architecture: network for network in (outcome.best, *outcome.others)}
        best, *others = (shortlist[network.architecture] for network in self.networks)
        chosen = best.architecture.split("/")
        reasons = tuple(reason for reason in outcome.blocks if reason.choice in chosen)  # the others explain another network
        demands = tuple(demand.model_copy(update={"found": best.amount(demand)}) for demand in outcome.constraints)
        update = {"constraints": demands, "best": best, "others": tuple(others), "blocks": reasons}
        return outcome.model_copy(update={**update, "ties": ()})  # ties are of block sums
