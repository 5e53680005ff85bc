"""Which teacher led to which network, and that to which teacher: the rounds of DNA+, with their accuracies and costs.

Accuracies are on validation images. The test images chose nothing here.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Part, Provenance, Record
from dna_deploy.records.model_card import Absent, Accuracy


class AccuracyGain(Part):
    """How much more accurate something is than what it is compared with, on the same images. Shares, not percent."""

    over: str
    value: float
    standard_error: float = Field(ge=0)


class LineageTeacher(Part):
    """A network that blocks imitated in a round."""

    name: str
    digest: str = Field(description="of its file")
    file: str
    parameters: int
    validation: Accuracy | Absent


class LineageWinner(Part):
    """What search found with the ratings of a round, trained."""

    architecture: str
    rating: float
    parameters: int
    macs: int
    weights_digest: str
    validation: Accuracy
    gain: AccuracyGain | Absent = Field(description="over the winner of the round before")


class LineageHeir(Part):
    """The winner made larger and trained: the next teacher, if it is better than this one."""

    teacher: LineageTeacher
    growth: float = Field(description="its parameters, as a multiple of the winner's")
    gain: AccuracyGain | Absent = Field(description="over the teacher of the round")


class LineageRound(Part):
    """One round."""

    number: int = Field(ge=1)
    teacher: LineageTeacher
    ratings: str = Field(description="digest of the rating table")
    winner: LineageWinner
    heir: LineageHeir | Absent
    seconds: dict[str, float] = Field(description="what each step took, in the run that finished it")


class Lineage(Record):
    """All rounds, and why there are no more."""

    KIND: ClassVar[str] = "lineage"

    provenance: Provenance
    space: str
    space_digest: str
    dataset: str
    data_digest: str
    constraints: tuple[str, ...]
    config: dict[str, object]
    rounds: tuple[LineageRound, ...] = Field(min_length=1)
    stopped: str = Field(description="why no round follows the last one; empty while one does")

    @property
    def best(self) -> LineageRound:
        """The round whose winner is most accurate on validation images; of equals the first."""
        return max(self.rounds, key=lambda round: (round.winner.validation.fraction, -round.number))
