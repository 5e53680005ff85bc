"""Several looks at one model: other work only ever adds, so that two that agree are believed, and the slower of them."""

from __future__ import annotations

from collections.abc import Sequence

from dna_deploy.records.measurement import Measurement
from dna_deploy.records.samples import Quantile

AGREEMENT = 0.01
"""Two looks that differ by less agree: two sessions of one file side by side differ by as much."""


def fair_look(looks: Sequence[Measurement], quantile: Quantile) -> tuple[Measurement, bool]:
    """The second fastest look at the table's pace, and whether the fastest, which may be luck, agrees. One agrees with none."""
    ordered = sorted(looks, key=lambda look: look.at_table(quantile).seconds)
    fastest, fair = ordered[0].at_table(quantile).seconds, ordered[min(1, len(ordered) - 1)]
    return fair, len(ordered) > 1 and fair.at_table(quantile).seconds <= (1 + AGREEMENT) * fastest
