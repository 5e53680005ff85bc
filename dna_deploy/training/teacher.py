"""Trains a teacher on the user's images: a residual one, the largest network of the space, or a winner made larger (DNA+).

Labels alone teach it, so that no older teacher shapes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile, file_digest
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import write_teacher
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from dna_deploy.training.config import LARGEST, TeacherConfig
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.recipe import Recipe

FILE_NAME = "teacher.safetensors"


def train_teacher(
    config: TeacherConfig,
    space: HeadedSpace,
    data: ImageData,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of a teacher trained here: the largest network of ``space``, or a residual one; see `train_scaled`."""
    if config.name == LARGEST:
        shape, name = ScaledConfig.for_space(space, scaled(space, largest(space), Scaling())), f"the largest of {space.name}"
        return train_scaled(
            shape, config.recipe, data, folder, name=f"{name} on {data.name}", on_progress=on_progress, compute=compute
        )
    residual = ResidualConfig.for_space(space, config.width_factor, config.depth)
    run = Run("teacher", teacher_identity(config, space, data), folder, compute or Compute(), subject="teacher")
    name = f"residual on {data.name}"
    return _train(lambda: ResidualNetwork(residual), "teacher", name, config.recipe, data, run, on_progress)


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
    identity = digest_of(f"scaled {shape.model_dump_json()} {recipe.model_dump_json()} {data.digest}".encode())
    run = Run("teacher", identity, folder, compute or Compute(), subject="teacher")
    return _train(lambda: ScaledNetwork(shape), "scaled", name, recipe, data, run, on_progress)


def teacher_identity(config: TeacherConfig, space: HeadedSpace, data: ImageData) -> str:
    """Names everything that the teacher depends on."""
    shape = ResidualConfig.for_space(space, config.width_factor, config.depth)
    weights = file_digest(config.weights, "weights") if config.weights else ""
    made = config.model_dump_json(exclude={"weights"})
    return digest_of(f"teacher {made} {weights} {shape.model_dump_json()} {data.digest}".encode())


def is_finished(path: Path, identity: str) -> bool:
    """Whether the file holds this very teacher."""
    return path.exists() and TensorFile.read(path, "teacher").facts.get("identity") == identity


def _train(
    build: Callable[[], ResidualNetwork | ScaledNetwork],
    purpose: str,
    name: str,
    recipe: Recipe,
    data: ImageData,
    run: Run,
    on_progress: OnProgress,
) -> Path:
    path = run.folder / FILE_NAME
    if is_finished(path, run.identity):
        return path
    with run.compute.limited_threads(), seeded(recipe.seed, purpose):
        network = build()
        best = fit(network, data, recipe, run, on_progress=on_progress)
    facts = {"validation": [metric.model_dump(mode="json") for metric in best.metrics], "dataset": data.name}
    write_teacher(path, network, data.shape, name=name, facts={"identity": run.identity, **facts})
    return path
