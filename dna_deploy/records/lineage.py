"""Which teacher led to which network, and that to which teacher: the rounds of DNA+, with their metrics and costs.

Metrics are on validation images. The test images chose nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance
from dna_deploy.records.model_card import Absent
from dna_deploy.records.score import Metric, of_accuracy
from dna_deploy.records.space_record import SpaceRecord


class MeasuredGain(Part):
    """How much better a metric is than that of what it is compared with, on the same images; more is better."""

    over: str
    value: float
    standard_error: float = Field(ge=0)


class LineageTeacher(Part):
    """A network that blocks imitated in a round."""

    name: str
    digest: str = Field(description="of its file")
    file: str
    parameters: int
    validation: Metric | Absent


class LineageWinner(Part):
    """What search found with the ratings of a round, trained."""

    architecture: str
    rating: float
    parameters: int
    macs: int
    weights_digest: str
    validation: Metric
    gain: MeasuredGain | Absent = Field(description="over the winner of the round before")


class LineageHeir(Part):
    """The winner made larger and trained: the next teacher, if it is better than this one."""

    teacher: LineageTeacher
    growth: float = Field(description="its parameters, as a multiple of the winner's")
    gain: MeasuredGain | Absent = Field(description="over the teacher of the round")


class LineageRound(Part):
    """One round."""

    number: int = Field(ge=1)
    teacher: LineageTeacher
    ratings: str = Field(description="digest of the rating table")
    winner: LineageWinner
    heir: LineageHeir | Absent
    seconds: dict[str, float] = Field(description="what each step took, in the run that finished it")


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one metric, accuracy."""

    def renamed(part: dict[str, Any]) -> dict[str, Any]:
        return {**part, "validation": of_accuracy(part["validation"])}

    def of_round(old: dict[str, Any]) -> dict[str, Any]:
        heir = old["heir"]
        if "reason" not in heir:
            heir = {**heir, "teacher": renamed(heir["teacher"])}
        return {**old, "teacher": renamed(old["teacher"]), "winner": renamed(old["winner"]), "heir": heir}

    return {**body, "rounds": list(map(of_round, body["rounds"]))}


class Lineage(SpaceRecord):
    """All rounds, and why there are no more."""

    KIND: ClassVar[str] = "lineage"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    dataset: str
    data_digest: str
    constraints: tuple[str, ...]
    config: dict[str, object]
    rounds: tuple[LineageRound, ...] = Field(min_length=1)
    stopped: str = Field(description="why no round follows the last one; empty while one does")

    @property
    def best(self) -> LineageRound:
        """The round whose winner is best on validation images; of equals the first."""
        return max(self.rounds, key=lambda round: (round.winner.validation.merit, -round.number))
