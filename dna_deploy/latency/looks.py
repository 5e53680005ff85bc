"""Several looks at one model: other work only ever adds, so that two that agree are believed, and the slower of them.

The fastest alone would be chosen for its luck, and the next measurement has none; the slowest alone, for its bad luck.
"""

from __future__ import annotations

from collections.abc import Sequence

from dna_deploy.records.measurement import Measurement
from dna_deploy.records.samples import Quantile

AGREEMENT = 0.01
"""Two looks that differ by less agree: two sessions of one file side by side differ by as much."""


def fair_look(looks: Sequence[Measurement], quantile: Quantile) -> tuple[Measurement, bool]:
    """The second fastest look at the pace of the table, and whether the fastest agrees with it. One alone agrees with none."""
    ordered = sorted(looks, key=lambda look: look.at_table(quantile).seconds)
    if len(ordered) == 1:
        return ordered[0], False
    first, second = (look.at_table(quantile).seconds for look in ordered[:2])
    return ordered[1], second <= (1 + AGREEMENT) * first
