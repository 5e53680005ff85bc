"""From a model and images to everything that may be made of it: candidates, repair, ratings, times, and checks of them all."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.fit.candidates import candidates_of
from dna_deploy.fit.channels import ChannelGroup, channel_groups
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.unit import Unit
from dna_deploy.pipeline.fit.recovery import batches_of, settled
from dna_deploy.pipeline.fit.space import OwnSpace
from dna_deploy.pipeline.fit.timing import Stopwatch, structure_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.targets.target import Target

_KEPT = 1e-5
"""By how much answers may differ where every unit is kept, relative to the largest."""

_SETTLED = 0.02
"""Of the images: by so many answers a network may change whose batch norms are gathered anew on its own images."""


@dataclass(frozen=True)
class Counts:
    """Images that units are fitted to, and others that they are rated by."""

    fitting: int = 512
    judging: int = 512


@dataclass
class Prepared:
    """A space of one's own, the images that it was made with, and what each stage of the work took."""

    space: OwnSpace
    fitting: list[torch.Tensor]
    judge: Judge
    remarks: list[str] = field(default_factory=list)
    spent_s: dict[str, float] = field(default_factory=dict)


def prepare(
    network: UnitNetwork,
    units: Sequence[Unit],
    data: ImageData,
    target: Target,
    folder: Path,
    counts: Counts = Counts(),
    *,
    repaired: bool = True,
    on_progress: OnProgress = silent,
) -> Prepared:
    """Everything before the search; ratings and times of an earlier run in the folder are read.

    Args:
        network: The original, in inference mode, and its units.
        units: With what may change.
        data: Fits on ``train``, rates on ``rating``.
        target: Where it shall run.
        folder: Of what is kept.
        counts: Of images.
        repaired: Whether candidates are refitted.
        on_progress: Hears of every step.

    Raises:
        UsageError: a check of the tool itself fails; see `check_kept`.
    """
    fitting, judge = batches_of(data.train, data, counts.fitting), Judge(network, batches_of(data.rating, data, counts.judging))
    clock, spent = _Clock(), dict[str, float]()
    candidates, groups = {}, dict[str, tuple[ChannelGroup, ...]]()
    for number, unit in enumerate(units, 1):
        inputs, module = Judge(network, fitting).inputs(unit.path), network.module(unit.path)
        structure = structure_of(module, unit.input)
        if structure not in groups:
            groups[structure] = channel_groups(module, inputs[0])
        candidates[unit.path] = candidates_of(unit, module, inputs, groups[structure], repaired=repaired)
        on_progress(Progress("repairing candidates", number, len(units)))
    space = OwnSpace(network, data.shape, candidates)
    spent["candidates and repair"] = clock.lap()
    remarks = [check_kept(space, judge), check_settled(space, judge, fitting)]
    spent["checks"] = clock.lap()
    space.rate(judge, folder / "ratings", on_progress)
    spent["rating"] = clock.lap()
    space.time(Stopwatch(folder / "times", target, on_progress=on_progress))
    spent["timing"] = clock.lap()
    return Prepared(space, fitting, judge, remarks, spent)


def check_kept(space: OwnSpace, judge: Judge) -> str:
    """Puts every unit in its own place: the answers must stay.

    Raises:
        UsageError: they do not; no later number would mean anything.
    """
    kept = space.network.replaced({path: copy.deepcopy(space.module(path, "keep")) for path in space.candidates})
    worst = max(
        float((own - other).abs().max() / own.abs().max())
        for own, other in zip(judge.answers, judge.answers_of(kept), strict=True)
    )
    if worst > _KEPT:
        raise UsageError(
            f"with all its units in their places the model answers otherwise, by {worst:.1e}",
            "please report it with the model's name: one of its units is more than its module",
        )
    return f"check: all units in their places change answers by {worst:.0e} of the largest"


def check_settled(space: OwnSpace, judge: Judge, fitting: list[torch.Tensor]) -> str:
    """Gathers the statistics of the untouched model's batch norms anew: next to nothing must change."""
    agreement = judge.agreement(judge.answers_of(settled(space.network.network, fitting))).double()
    share = float(1 - agreement.mean())
    words = f"check: batch norms gathered anew change {share:.1%} of the untouched model's answers"
    return words if share <= _SETTLED else f"{words}: the images are unlike those that it was trained on"


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last time."""
        last, self._last = self._last, time.monotonic()
        return self._last - last
