"""A short training of a network that begins with what its blocks learnt in the supernets: a glance at its accuracy."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import TableError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.inherit import inherited_network
from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.rating_calibration import ShortTraining
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.tasks.classification import Classification
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.network import check_classes
from dna_deploy.training.recipe import Recipe


def train_shortly(
    space: HeadedSpace,
    architecture: Architecture,
    supernets: Mapping[int, SupernetBlock],
    data: ImageData,
    recipe: Recipe,
    folder: Path,
    origin: str,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> ShortTraining:
    """What a network reaches on held-out training images. No test image is read; the weights are not kept.

    Args:
        space: with as many classes as the images have.
        architecture: a network of it.
        supernets: trained, one a block; without any, all weights are fresh.
        data: trains on ``train``; the accuracy is on ``rating`` and ``validation`` together.
        recipe: of the training.
        folder: holds a file a network; the same folder resumes.
        origin: names the supernets.
        on_progress: hears of every step.
        compute: where.

    Raises:
        DivergedError: the loss is no longer a number.
        UsageError: the space has another number of classes than the data.
    """
    compute = compute or Compute()
    check_classes(space, data, Classification())
    identity = digest_of(f"short {origin} {space.identity} {architecture} {data.digest} {recipe.model_dump_json()}".encode())
    name = identity.removeprefix("sha256:")[:12]
    if finished := _finished(folder / f"{name}.json", identity):
        return finished
    with compute.limited_threads():
        with seeded(recipe.seed, "short training"):
            network = inherited_network(space, architecture, supernets)[0] if supernets else Network(space, architecture)
        run = Run("short training", identity, folder / name, compute)
        fit(network, data, recipe, run, on_progress=on_progress)
        held_out = Split(data.rating.source, torch.cat((data.rating.indices, data.validation.indices)))
        reached = measure_accuracy(network, held_out, data, compute.device)
    record = ShortTraining(
        provenance=Provenance.now(), identity=identity, architecture=str(architecture), reached=reached
    )  # fmt: skip
    record.write(folder / f"{name}.json")
    shutil.rmtree(folder / name)
    return record


def _finished(path: Path, identity: str) -> ShortTraining | None:
    try:
        record = ShortTraining.read(path)
    except TableError:
        return None
    return record if record.identity == identity else None
