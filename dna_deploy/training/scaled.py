"""Trains a teacher of a space's own kind: its largest network, or a winner made larger (DNA+).

Labels alone teach it, so that no older teacher shapes it.
"""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import write_scaled
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import FILE_NAME


def train_largest(
    recipe: Recipe,
    space: SearchSpace,
    data: ImageData,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of a teacher that is the largest network of ``space``; see `train_scaled`."""
    shape = ScaledConfig.for_space(space, scaled(space, largest(space), Scaling()))
    name = f"the largest of {space.name} on {data.name}"
    return train_scaled(shape, recipe, data, folder, name=name, on_progress=on_progress, compute=compute)


def train_scaled(
    shape: ScaledConfig,
    recipe: Recipe,
    data: ImageData,
    folder: Path,
    *,
    name: str,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of a teacher called ``name``; the same folder resumes, and a finished one is returned as it is.

    Raises:
        DivergedError: the loss is no longer a number.
        UsageError: the folder holds another training.
    """
    compute = compute or Compute()
    identity = digest_of(f"scaled {shape.model_dump_json()} {recipe.model_dump_json()} {data.digest}".encode())
    path = folder / FILE_NAME
    if path.exists() and TensorFile.read(path, "teacher").facts.get("identity") == identity:
        return path
    with compute.limited_threads(), seeded(recipe.seed, "scaled"):
        network = ScaledNetwork(shape)
        run = Run("teacher", identity, folder, compute, subject="teacher")
        fitted = fit(network, data, recipe, run, on_progress=on_progress)
    correct, images = fitted.validation.correct, fitted.validation.images
    facts = {"identity": identity, "validation_correct": correct, "validation_images": images, "dataset": data.name}
    write_scaled(path, network, data.shape, name=name, facts=facts)
    return path
