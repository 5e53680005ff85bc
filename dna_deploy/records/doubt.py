"""Reasons to trust a measurement less, each by name, with advice and the best grade that it leaves possible."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from dna_deploy.records.files import Part

Grade: TypeAlias = Literal["A", "B", "C", "D", "E", "F"]
"""A: as good as this machine can be measured · B, C: usable, with a reason · D to F: too unstable to plan with."""

UNSTABLE: tuple[Grade, ...] = ("D", "E", "F")


class Doubt(Part):
    """A named reason to trust a table less, with advice."""

    name: str
    message: str
    advice: str
    grade: Grade


def worst_grade(doubts: Iterable[Doubt]) -> Grade:
    """The grade that a measurement has with these doubts."""
    return max((doubt.grade for doubt in doubts), default="A")
