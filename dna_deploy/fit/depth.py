"""The depth of a stage, rated as depth: leaving out several units of a stage at once is more than the sum of leaving out each.

What stays makes good for what goes, as in what is deployed (like the recoverability of Wang and Wu, arXiv 2202.07861). For
every stage of equal units one unit after the other is left out, each time the one whose loss hurts the answers least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dna_deploy.fit.judging import Mean, Rated
from dna_deploy.fit.unit import Unit
from dna_deploy.progress import OnProgress, Progress, silent

_TRIED = 3
"""Units that are tried for the next to go: those that hurt least alone."""


@dataclass(frozen=True)
class Depth:
    """Some units of a stage left out together."""

    stage: int
    skipped: tuple[str, ...]
    divergence: Mean


def rate_depths(
    units: Sequence[Unit],
    skips: Mapping[str, Rated],
    divergence: Callable[[Sequence[str]], Mean],
    on_progress: OnProgress = silent,
) -> tuple[Depth, ...]:
    """Every depth of every stage but its full one, from deep to shallow.

    Args:
        units: Of it, in their order.
        skips: What leaving out each unit alone does, of those that may be left out.
        divergence: What leaving out units together does to the answers, on held-out images.
        on_progress: Hears of every depth.
    """
    stages = [[unit.path for unit in group if unit.path in skips] for _, group in groupby(units, lambda unit: unit.stage)]
    total, depths = sum(map(len, stages)), list[Depth]()
    for number, paths in enumerate(stages, 1):
        skipped: tuple[str, ...] = ()
        while len(skipped) < len(paths):
            left = sorted(set(paths) - set(skipped), key=lambda path: (skips[path].divergence.value, path))[:_TRIED]
            rated = {path: divergence((*skipped, path)) for path in left}
            best = min(rated, key=lambda path: rated[path].value)
            skipped = (*skipped, best)
            depths.append(Depth(number, skipped, rated[best]))
            on_progress(Progress("rating depths", len(depths), total))
    return tuple(depths)
