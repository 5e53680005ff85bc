"""Trains a one-shot supernet with labels: a batch a step, along one path that is drawn uniformly (SPOS, arXiv 1904.00420)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.history import FILE_NAME
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.objectives.labels import LabelLoss
from dna_deploy.learning.phase import Objective, PathSampler, Phase
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.work import RatingWork
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace

METHOD = "one-shot"
SUBJECT = "one-shot supernet"

OneShotWork = RatingWork[OneShotConfig, None]
MakePhases: TypeAlias = Callable[[Any, OneShotSupernet], Sequence[Phase]]
"""From the work and the untrained supernet: how it is trained, its weights first."""


def one_shot_work(
    space: ChainSpace, data: ImageData, config: OneShotConfig, folder: Path, compute: Compute | None = None
) -> OneShotWork:
    """What a one-shot supernet is made from; its head gets as many classes as the data has."""
    networks = space.with_head(space.head_for(len(data.classes)))
    return OneShotWork.of(METHOD, networks, None, data, config, folder, compute)


def training_batches(work: OneShotWork) -> TrainingBatches:
    """What the weights of a supernet are trained on."""
    config, data = work.config, work.data
    return TrainingBatches(data.train, data.normalisation, config.augmentation, config.batch, config.seed, work.compute.device)


def step_count(work: OneShotWork) -> int:
    """How many steps a supernet is trained for."""
    return work.config.epochs * training_batches(work).steps_per_epoch


def weight_phase(
    work: OneShotWork, supernet: OneShotSupernet, objective: Objective | None = None, sampler: PathSampler | None = None
) -> Phase:
    """How weights are trained: with labels, along paths that are drawn uniformly, unless something else is given."""
    config = work.config
    return Phase(
        objectives=[objective or LabelLoss(config.label_smoothing, along=", along one path a step")],
        group=supernet,
        optimiser=adam(supernet, config.learning_rate, config.weight_decay),
        rate=cosine_rate(config.learning_rate, step_count(work), config.warm_up),
        batches=training_batches(work),
        histories={SUBJECT: work.folder / FILE_NAME},
        sampler=sampler or UniformNetworks(work.space, config.seed),
        network=supernet.path,
    )


def along_labels(work: OneShotWork, supernet: OneShotSupernet) -> Sequence[Phase]:
    """How a supernet is trained by default."""
    return [weight_phase(work, supernet)]


def train_one_shot(work: OneShotWork, on_progress: OnProgress = silent, phases: MakePhases = along_labels) -> OneShotSupernet:
    """The trained supernet. One that was trained before is loaded, one that was begun is resumed.

    Beside it lies its history so far. Where memory is short, batches are run in portions, which progress and history say.

    Raises:
        DivergedError: the loss or a weight is no longer a number; the last good checkpoint stays.
        OutOfMemoryError: the smallest portions of a batch do not fit either.
        UsageError: the folder holds the supernet of other inputs.
    """
    supernet = build_one_shot(work).to(work.compute.device).train()
    train_state(work, one_shot_state(work, supernet, phases), on_progress)
    return supernet


def train_state(work: OneShotWork, state: TrainingState, on_progress: OnProgress = silent) -> None:
    """Takes the steps that a supernet still lacks. Raises as `train_one_shot`."""
    work.write_run()
    portions = Portions(f"training the {state.name}", work.config.batch)
    with work.compute.limited_threads():
        train([state], TrainingPlan(state.name, portions, work.compute), on_progress)


def one_shot_state(work: OneShotWork, supernet: OneShotSupernet, phases: MakePhases = along_labels) -> TrainingState:
    """A supernet under training, as it was saved."""
    checkpoint = Checkpoint(work.folder / "one-shot.safetensors", work.identity)
    return TrainingState(SUBJECT, supernet, phases(work, supernet), step_count(work), checkpoint, work.compute)


def build_one_shot(work: OneShotWork) -> OneShotSupernet:
    """The untrained supernet, its weights drawn from the seed."""
    assert isinstance(work.space, HeadedSpace)
    with seeded(work.config.seed, METHOD):
        supernet = OneShotSupernet(work.space, share_depths=work.config.share_depths, share_widths=work.config.share_widths)
    return supernet.to(memory_format=torch.channels_last)
