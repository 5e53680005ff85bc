"""The final training of the network that search chose: labels, and a teacher's soft targets where there is one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.data.catalog import folder_of
from dna_deploy.data.config import DataConfig
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.processes import Processes
from dna_deploy.learning.tensor_file import TensorFile, file_digest
from dna_deploy.nets.network import Network
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.score import Metrics
from dna_deploy.records.trained_network import ImagePlace, TrainedNetwork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.heads import head_of
from dna_deploy.tasks import load_task
from dna_deploy.tasks.task import Task
from dna_deploy.training.accuracy import measure
from dna_deploy.training.config import RECORD, WEIGHTS, TrainingConfig
from dna_deploy.training.fit import BestEpoch, Run, fit


@dataclass(frozen=True)
class Start:
    """Where a training begins, if not from scratch: a network with weights, and what names them."""

    network: Network
    digest: str


def train_architecture(
    space: HeadedSpace,
    architecture: Architecture,
    data: ImageData,
    config: TrainingConfig,
    folder: Path,
    *,
    teacher: Teacher | None = None,
    start: Start | None = None,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> TrainedNetwork:
    """A trained network: its record, and beside it in ``folder`` its weights. The same folder resumes.

    With a ``start``, such as the network that inherits what its blocks learnt in the supernets, training begins there.

    Raises:
        DivergedError: the loss is no longer a number.
        UsageError: the architecture is not in the space, the space has another number of classes than the data,
            or the folder holds another training.
    """
    compute = compute or Compute()
    space.check(architecture)
    task = load_task(config.task)
    check_classes(space, data, task)
    if teacher is not None and teacher.classes != space.out_channels:
        raise UsageError(
            f"teacher {teacher.name!r} knows {teacher.classes} classes; {data.name} has {space.out_channels}",
            "train without its soft targets, or with a teacher trained on these images",
        )
    taught_by = teacher.digest if teacher is not None else None
    parts = f"network {space.identity} {architecture} {taught_by} {data.digest} {config.model_dump_json()}"
    if start is not None:
        parts += f" {start.digest}"
    run = Run("training", digest_of(parts.encode()), folder, compute)
    if finished := _finished(run):
        return finished
    processes = Processes.here(compute.device)
    with compute.limited_threads():
        with seeded(config.recipe.seed, "network"):
            network = Network(space, architecture) if start is None else copy.deepcopy(start.network)
        if teacher is not None:
            teacher.network.to(processes.device)
        best = fit(network, data, config.recipe, run, task=task, teacher=teacher, on_progress=on_progress, processes=processes)
        if processes.is_first:
            TensorFile(network.state_dict(), {"identity": run.identity}).write(folder / WEIGHTS)
            test = measure(network, data.test, data, task, processes.device)
            record = _record(space, architecture, data, config, folder, taught_by, best, test)
            if start is not None:
                record = record.model_copy(update={"recipe": {**record.recipe, "start": start.digest}})
            record.write(folder / RECORD)
        processes.wait()
    return TrainedNetwork.read(folder / RECORD)


def _record(
    space: HeadedSpace,
    architecture: Architecture,
    data: ImageData,
    config: TrainingConfig,
    folder: Path,
    taught_by: str | None,
    best: BestEpoch,
    test: Metrics,
) -> TrainedNetwork:
    return TrainedNetwork(
        provenance=Provenance.now(),
        space=space.name,
        space_digest=space.digest,
        head=head_of(space),
        architecture=str(architecture),
        weights=WEIGHTS,
        weights_digest=file_digest(folder / WEIGHTS),
        dataset=data.name,
        data_digest=data.digest,
        place=_place(data.config),
        classes=data.classes,
        images=data.counts | ({"skipped": data.skipped} if data.skipped else {}),
        mean=data.normalisation.mean,
        deviation=data.normalisation.deviation,
        shown=data.shown,
        teacher=taught_by,
        task=config.task,
        recipe=config.recipe.model_dump(mode="json"),
        best_epoch=best.epoch,
        validation=best.metrics,
        test=test,
    )


def _place(config: DataConfig) -> ImagePlace:
    path, _ = folder_of(config.dataset, config.folder)
    if path is not None:
        return ImagePlace(dataset=str(path.resolve()))
    return ImagePlace(dataset=config.dataset, folder=str(config.folder.resolve()) if config.folder else None)


def check_classes(space: HeadedSpace, data: ImageData, task: Task) -> None:
    """Raises `UsageError` unless the space has the head of the task for the classes of the data."""
    if space.head != task.head(space, len(data.classes)):
        raise UsageError(
            f"{data.name} has {len(data.classes)} classes; the head of {space.name!r} has {space.out_channels}",
            "use the space with the head of the task, or another data set",
        )


def _finished(run: Run) -> TrainedNetwork | None:
    """The record in the folder, if it and its weights are what this very training leaves."""
    weights = run.folder / WEIGHTS
    if not (weights.exists() and TensorFile.read(weights).facts.get("identity") == run.identity):
        return None
    try:
        record = TrainedNetwork.read(run.folder / RECORD)
    except TableError:
        return None
    return record if record.weights_digest == file_digest(weights) else None
