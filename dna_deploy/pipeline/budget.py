"""A latency that is asked for: a time, or a share."""

from __future__ import annotations

import math

from dna_deploy.errors import UsageError
from dna_deploy.units import Duration


def read_budget(text: str) -> Duration | float:
    """A duration such as ``20ms``; or ``40%``: that share of the way from the fastest network to the best-rated one.

    The second form makes sense on a machine that was never measured before.
    """
    if not text.endswith("%"):
        return Duration.parse(text)
    try:
        share = float(text[:-1]) / 100
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"budget {text!r} is not a share between 0% and 100%", "write it like 40%, or like 20ms")
    return share
