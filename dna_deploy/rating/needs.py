"""What a rater must be given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What a rater wants to have."""

    teacher: bool = False
    """A network that blocks imitate."""
    labels: bool = False
    """Classes: what it trains ends in a head for those of the images."""
    processes: bool = False
    """It can be spread over several processes."""
