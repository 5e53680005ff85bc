"""From a model and images to everything that may be made of it: candidates, repair, ratings, times, and checks of them all."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.fit.candidates import Candidates, Missing
from dna_deploy.fit.channels import ChannelGroup, channel_groups
from dna_deploy.fit.distillation import UnitTraining
from dna_deploy.fit.judging import Judge, Mean
from dna_deploy.fit.mending import Deployed, deployed
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.slicing import is_close, permuted
from dna_deploy.fit.structure import structure_of
from dna_deploy.fit.unit import Unit
from dna_deploy.learning.allocator import keep_freed_memory
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.pipeline.fit.ratings import rate
from dna_deploy.pipeline.fit.recovery import BATCH, batches_of, fitting_batches
from dna_deploy.pipeline.fit.space import Choice, FitSpace
from dna_deploy.pipeline.fit.spreading import candidates_apart, distil_apart
from dna_deploy.pipeline.fit.table import Device, MeasuredSpace, measured_table, own_kit
from dna_deploy.pipeline.fit.wholes import Wholes
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of

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

    space: FitSpace
    wholes: Wholes
    remarks: list[str] = field(default_factory=list)
    spent_s: dict[str, float] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    """Units in the order in which `greedy_drop` leaves them out, as far as it was asked for."""
    is_repaired: bool = True
    """Whether anything may be refitted: candidates, and whole networks."""

    @property
    def judge(self) -> Judge:
        """Of the original, on held-out images."""
        return self.wholes.judge

    def divergence(self, choice: Choice, *, mends: bool = True) -> Mean:
        """Of a network's answers from the original's, with the whole refitted where that may be and helps."""
        return self.wholes.divergence(choice, self.space.changed(choice), mends=mends and self.is_repaired)

    def deployed(self, choice: Choice) -> Deployed:
        """A network as it is handed out."""
        return deployed(self.judge, self.space.changed(choice), mends=self.is_repaired)


def prepare(
    model: OwnModel,
    network: UnitNetwork,
    units: Sequence[Unit],
    data: ImageData,
    device: Device,
    folder: Path,
    counts: Counts,
    budget: Callable[[float], float],
    *,
    repaired: bool = True,
    compute: Compute | None = None,
    on_progress: OnProgress = silent,
) -> Prepared:
    """Everything before the search; ratings and times of an earlier run are read.

    Args:
        model: The original.
        network: It and its units.
        units: With what may change.
        data: Fits on ``train``, rates on ``rating``.
        device: Where it shall run.
        folder: Of what is kept.
        counts: Of images.
        budget: What a network may take, of what the original takes, both in seconds; refused before anything is rated.
        repaired: Whether candidates are refitted.
        compute: Where candidates of each unit are repaired, trained and rated, in whatever order.
        on_progress: Hears of every step.

    Raises:
        InfeasibleError: nothing made of its units keeps the budget.
        UsageError: a check of the tool itself fails, see `check_kept`; or nothing may change; or the model is fast enough.
        TableError: a unit does not run on the device.
    """
    keep_freed_memory()
    fitting = fitting_batches(data.train, data, counts.fitting)
    judge = Judge(network, batches_of(data.rating, data, counts.judging), fitting)
    clock, spent, compute = _Clock(), dict[str, float](), compute or Compute()
    candidates = _candidates(Judge(network, fitting), units, compute, repaired=repaired, on_progress=on_progress)
    begun = _digest(network, units, data, counts, repaired=repaired)
    spent["candidates and repair"] = clock.lap()
    kit = own_kit(model.name, model.input, network, candidates, device.target.target.batch, folder, on_progress)
    measured = measured_table(kit, device, on_progress)
    candidates = runnable(candidates, measured)
    measured.check_budget(budget(measured.original_s))
    spent["export and timing"] = clock.lap()
    if counts.unit_steps:
        batches = TrainingBatches(data.train, data.normalisation, Augmentation(), BATCH, data.config.seed)
        training = UnitTraining(counts.unit_steps)
        distil_apart(network, candidates, batches, training, folder / f"units-{begun}", compute, on_progress)
        spent["unit training"] = clock.lap()
    remarks = [check_kept(judge), check_settled(judge)]
    spent["checks"] = clock.lap()
    rated = folder / f"ratings-{begun}"
    wholes = Wholes(judge, rated / "wholes.json")
    ratings = rate(wholes, candidates, rated, mends=repaired, compute=compute, on_progress=on_progress)
    spent["rating"] = clock.lap()
    space = FitSpace(network, model.input, candidates, measured, ratings)
    return Prepared(space, wholes, remarks, spent, is_repaired=repaired)


def _candidates(
    original: Judge, units: Sequence[Unit], compute: Compute, *, repaired: bool, on_progress: OnProgress
) -> dict[str, Candidates]:
    """Of every unit that may change."""
    free = [unit for unit in units if unit.may]
    if not free:
        raise UsageError("nothing of the model may change", "freeze less, or see what it is made of: dna-deploy units")
    groups, grouped = dict[str, tuple[ChannelGroup, ...]](), []
    for unit in free:
        module = original.network.module(unit.path)
        structure = structure_of(module, unit.input)
        if structure not in groups:
            x = original.inputs(unit.path)[0]
            groups[structure] = channel_groups(module, x) if "width" in unit.may else ()
            check_permuted(unit.path, module, groups[structure], x)
        grouped.append((unit, groups[structure]))
    return candidates_apart(original, grouped, compute, repaired=repaired, on_progress=on_progress)


def runnable(candidates: Mapping[str, Candidates], measured: MeasuredSpace) -> dict[str, Candidates]:
    """Candidates that were exported and timed; others are missing from now on, with their reasons."""
    record, table = measured.record, measured.table
    reasons = {(each.path, each.code): f"it cannot be exported: {each.reason}" for each in record.absent}
    for path, listed in candidates.items():
        for each in listed.there:
            if (path, each.code) not in reasons and (reason := table.reasons.get(record.row(path, each.code))):
                reasons[path, each.code] = f"it cannot be timed: {reason}"
    return {
        path: replace(
            listed,
            there=tuple(each for each in listed.there if (path, each.code) not in reasons),
            missing=(
                *listed.missing,
                *(Missing(each.code, reasons[path, each.code]) for each in listed.there if (path, each.code) in reasons),
            ),
        )
        for path, listed in candidates.items()
    }


def check_kept(judge: Judge) -> str:
    """Puts every unit in its own place: the answers must stay.

    Raises:
        UsageError: they do not; no later number would mean anything.
    """
    network = judge.network
    kept = network.replaced({unit.path: network.module(unit.path) for unit in network.units})
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


def check_settled(judge: Judge) -> str:
    """Gathers the statistics of the untouched model's batch norms anew: next to nothing must change."""
    gathered = copy.deepcopy(judge.network.network)
    estimate_statistics(gathered, (images.clone() for images in judge.gathering))
    agreement = judge.agreement(judge.answers_of(gathered)).double()
    share = float(1 - agreement.mean())
    words = f"check: batch norms gathered anew change {share:.1%} of the untouched model's answers"
    return words if share <= _SETTLED else f"{words}: the images are unlike those that it was trained on"


def _digest(network: UnitNetwork, units: Sequence[Unit], data: ImageData, counts: Counts, *, repaired: bool) -> str:
    """Names all that ratings depend on."""
    weights = b"".join(tensor.contiguous().cpu().numpy().tobytes() for tensor in network.network.state_dict().values())
    how = f"{counts} {repaired} by surgery, as deployed by the nearest"
    said = f"{network.network} {units} {data.digest} {data.normalisation} {how}"
    return digest_of(f"{said} {digest_of(weights)}".encode()).removeprefix("sha256:")[:12]


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last time."""
        last, self._last = self._last, time.monotonic()
        return self._last - last
