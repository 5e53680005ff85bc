"""From a model and images to everything that may be made of it: candidates, repair, ratings, times, and checks of them all."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.fit.candidates import candidates_of
from dna_deploy.fit.channels import ChannelGroup, channel_groups
from dna_deploy.fit.distillation import UnitTraining, distil
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.slicing import is_close, permuted
from dna_deploy.fit.structure import structure_of
from dna_deploy.fit.unit import Unit
from dna_deploy.pipeline.fit.recovery import BATCH, batches_of, settled
from dna_deploy.pipeline.fit.space import OwnSpace
from dna_deploy.pipeline.fit.timing import Stopwatch
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import digest_of
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
    unit_steps: int = 0
    """In which candidates learn from the original besides; least squares are mostly enough where fine-tuning follows."""


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
            groups[structure] = channel_groups(module, inputs[0]) if "width" in unit.may else ()
            check_permuted(unit.path, module, groups[structure], inputs[0])
        candidates[unit.path] = candidates_of(unit, module, inputs, groups[structure], repaired=repaired)
        on_progress(Progress("repairing candidates", number, len(units)))
    space, begun = OwnSpace(network, data.shape, candidates), _digest(network, units, data, counts, repaired=repaired)
    spent["candidates and repair"] = clock.lap()
    if counts.unit_steps:
        batches = TrainingBatches(data.train, data.normalisation, Augmentation(), BATCH, data.config.seed)
        distil(
            network, candidates, batches, UnitTraining(counts.unit_steps), folder / f"units-{begun}", on_progress=on_progress
        )
        spent["unit training"] = clock.lap()
    remarks = [check_kept(space, judge), check_settled(space, judge, fitting)]
    spent["checks"] = clock.lap()
    space.rate(judge, fitting, folder / f"ratings-{begun}", on_progress)
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


@torch.no_grad()
def check_permuted(path: str, module: nn.Module, groups: Sequence[ChannelGroup], x: torch.Tensor) -> None:
    """Puts the hidden channels of a unit into another order: its output must stay.

    Raises:
        UsageError: it does not; its channels are not what they were taken for.
    """
    for group in groups:
        order = torch.randperm(group.atoms, generator=torch.Generator().manual_seed(0))
        if not is_close(permuted(module, group, order)(x[:2].clone()), module(x[:2].clone())):
            raise UsageError(
                f"{path} computes something else when the channels of {group.name} change places",
                f"leave it as it is: --freeze {path}; and please report it with the model's name",
            )


def check_settled(space: OwnSpace, judge: Judge, fitting: list[torch.Tensor]) -> str:
    """Gathers the statistics of the untouched model's batch norms anew: next to nothing must change."""
    agreement = judge.agreement(judge.answers_of(settled(space.network.network, fitting))).double()
    share = float(1 - agreement.mean())
    words = f"check: batch norms gathered anew change {share:.1%} of the untouched model's answers"
    return words if share <= _SETTLED else f"{words}: the images are unlike those that it was trained on"


def _digest(network: UnitNetwork, units: Sequence[Unit], data: ImageData, counts: Counts, *, repaired: bool) -> str:
    """Names all that ratings depend on."""
    weights = b"".join(tensor.contiguous().cpu().numpy().tobytes() for tensor in network.network.state_dict().values())
    said = f"{units} {data.digest} {data.normalisation} {counts} {repaired}"
    return digest_of(f"{said} {digest_of(weights)}".encode()).removeprefix("sha256:")[:12]


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last time."""
        last, self._last = self._last, time.monotonic()
        return self._last - last
