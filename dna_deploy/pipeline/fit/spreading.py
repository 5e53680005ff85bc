"""Work on units that know nothing of each other, wherever tasks are to run: candidates are repaired, trained and rated.

What comes out is what one process makes, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.executors.executor import Job, carry_out
from dna_deploy.fit.candidates import Candidates, candidates_of
from dna_deploy.fit.channels import ChannelGroup
from dna_deploy.fit.distillation import UnitTraining, distil
from dna_deploy.fit.judging import Judge, Rated
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.shipped import Shipped, check_ships
from dna_deploy.fit.unit import Unit
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import OnProgress, Progress


def candidates_apart(
    original: Judge,
    units: Sequence[tuple[Unit, tuple[ChannelGroup, ...]]],
    compute: Compute,
    *,
    repaired: bool,
    on_progress: OnProgress,
) -> dict[str, Candidates]:
    """Everything that may stand for some units, each with its groups of hidden channels, by path; see `candidates_of`.

    Raises:
        UsageError: the model cannot be sent to where tasks run.
    """
    if compute.is_spread:
        check_ships(original.network)
    job = Job("repair of a unit", _repair, Shipped((original, compute, repaired)))
    made = carry_out(compute.executor, job, units, on_progress)
    return {unit.path: each.content for (unit, _), each in zip(units, made, strict=True)}


def _repair(
    shared: Shipped[tuple[Judge, Compute, bool]], item: tuple[Unit, tuple[ChannelGroup, ...]], on_progress: OnProgress
) -> Shipped[Candidates]:
    (original, compute, repaired), (unit, groups) = shared.content, item
    with compute.limited_threads():
        module, inputs = original.network.module(unit.path), original.inputs(unit.path)
        candidates = candidates_of(unit, module, inputs, groups, repaired=repaired)
    on_progress(Progress("repairing candidates", 1, 1))
    return Shipped(candidates)


@dataclass(frozen=True)
class _Training:
    """What units that are trained have in common."""

    network: UnitNetwork
    batches: TrainingBatches
    training: UnitTraining
    folder: Path
    compute: Compute

    def run(self, candidates: Mapping[str, Candidates], on_progress: OnProgress) -> None:
        alone = self.compute.for_worker(0)
        distil(self.network, candidates, self.batches, self.training, self.folder, compute=alone, on_progress=on_progress)


def distil_apart(
    network: UnitNetwork,
    candidates: Mapping[str, Candidates],
    batches: TrainingBatches,
    training: UnitTraining,
    folder: Path,
    compute: Compute,
    on_progress: OnProgress,
) -> None:
    """Trains all candidates in place; see `distil`. The original runs once a batch in every place where tasks run."""
    work = _Training(network, batches, training, folder, compute)
    if compute.is_spread:
        paths, slots = list(candidates), compute.executor.slots
        shares = [
            Shipped[Mapping[str, Candidates]]({path: candidates[path] for path in paths[at::slots]})
            for at in range(min(slots, len(paths)))
        ]
        carry_out(compute.executor, Job("share of units", _train, Shipped(work), folder), shares, on_progress)
    work.run(candidates, on_progress)  # after other workers, this only gathers


def _train(shared: Shipped[_Training], share: Shipped[Mapping[str, Candidates]], on_progress: OnProgress) -> None:
    shared.content.run(share.content, on_progress)


def rate_apart(
    judge: Judge,
    candidates: Mapping[str, Candidates],
    compute: Compute,
    on_progress: OnProgress,
    on_rated: Callable[[str, Sequence[Rated]], None],
) -> None:
    """Rates the candidates of each unit in its place; ``on_rated`` hears of each unit as soon as it is rated."""
    paths, _ = list(candidates), judge.answers  # known before the judge travels
    items = [Shipped((path, listed)) for path, listed in candidates.items()]
    job = Job("rating of a unit", _rate, Shipped((judge, compute)))
    carry_out(compute.executor, job, items, on_progress, lambda number, rated: on_rated(paths[number], rated))


def _rate(
    shared: Shipped[tuple[Judge, Compute]], item: Shipped[tuple[str, Candidates]], on_progress: OnProgress
) -> list[Rated]:
    (judge, compute), (path, candidates) = shared.content, item.content
    with compute.limited_threads():
        rated = list(judge.rate(path, candidates.there))
    on_progress(Progress("rating candidates", 1, 1))
    return rated
