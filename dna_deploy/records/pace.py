"""The pace of a machine: what some layers of a latency table take now, over what they took when the table was made.

A promise is about a model, not about the minute. Where others or the weather in the rack make a machine slower, the same
layers take longer beside the model, and say by how much.
"""

from __future__ import annotations

from pydantic import Field

from dna_deploy.records.files import Part
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import Statistic
from dna_deploy.units import Duration

EQUAL_PACE = 0.015
"""Paces that differ by less are the same: layers timed an hour apart on a quiet machine differ by about 1 %."""


class Sentinel(Part):
    """A layer of a table that is timed again beside a model."""

    layer: str = Field(description="PlacedLayer.key")
    statistic: Statistic = "p50"
    latency_s: float = Field(gt=0, description="that statistic of whole runs when the table was made, fixed overhead included")


class PaceReference(Part):
    """What the pace of a machine is told by: the sentinels of a table, and where and how they were timed."""

    table: str = Field(description="the digest of the table")
    fingerprint: Fingerprint
    idle_s: float = Field(0.0, ge=0, description="rest before every run")
    sentinels: tuple[Sentinel, ...] = Field(min_length=1)


class MeasuredPace(Part):
    """How much longer the sentinels of a table took beside a model than when the table was made."""

    ratio: float = Field(gt=0, description="1 is the table's pace, more is slower")
    standard_error: float = Field(ge=0)
    sentinels: int = Field(ge=1)
    looks: int = Field(1, ge=1, description="how often the model was measured in the hope of the table's pace")

    @property
    def is_equal(self) -> bool:
        """Whether the machine goes as it did when the table was made."""
        return abs(self.ratio - 1) <= EQUAL_PACE

    @property
    def allowance(self) -> float:
        """By how much a latency is divided to be of the table's pace; of a slower machine no more than is certain."""
        if self.is_equal:
            return 1.0
        return self.ratio if self.ratio < 1 else max(1.0, self.ratio - 2 * self.standard_error)

    def at_table(self, latency_s: float) -> float:
        """A latency as it is at the table's pace."""
        return latency_s / self.allowance

    def words(self) -> str:
        """How the machine goes, in words."""
        if self.is_equal:
            return f"the machine goes as when the table was made ({self.ratio - 1:+.1%})"
        return (
            f"the machine is {abs(self.ratio - 1):.1%} {'slower' if self.ratio > 1 else 'faster'} than when the table was made"
        )


def is_kept(latency_s: float, asked_s: float, pace: MeasuredPace | None) -> bool:
    """Whether a promise is kept: by what was measured at the table's pace, else by what that would be."""
    return (latency_s if pace is None else pace.at_table(latency_s)) <= asked_s


def verdict(latency_s: float, asked_s: float, pace: MeasuredPace | None) -> str:
    """Whether a promise is kept, in words that hold both numbers where the machine goes at another pace."""
    word = "kept" if is_kept(latency_s, asked_s, pace) else "missed"
    share = f"{word}: {latency_s / asked_s:.1%} of what was asked"
    if pace is None or pace.is_equal:
        return share
    if pace.allowance == 1:
        return f"{share}; {pace.words()}, too unsure to allow for it"
    at_table = Duration(pace.at_table(latency_s))
    return f"{word} at the table's pace: {Duration(latency_s)} now, {at_table} at the table's pace; {pace.words()}"
