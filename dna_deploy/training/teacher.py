"""Trains a residual teacher on the user's images."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile, file_digest
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import write_teacher
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.fit import Run, fit

FILE_NAME = "teacher.safetensors"


def train_residual(
    config: TeacherConfig,
    space: SearchSpace,
    data: ImageData,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of a residual teacher trained on ``data``; the same folder resumes, and a finished one is returned as it is.

    Raises:
        DivergedError: the loss is no longer a number.
        UsageError: the folder holds the training of another teacher.
    """
    compute = compute or Compute()
    shape = ResidualConfig.for_space(space, config.width_factor, config.depth)
    identity = teacher_identity(config, space, data)
    path = folder / FILE_NAME
    if path.exists() and TensorFile.read(path, "teacher").facts.get("identity") == identity:
        return path
    with compute.limited_threads(), seeded(config.recipe.seed, "teacher"):
        network = ResidualNetwork(shape)
        run = Run("teacher", identity, folder, compute, subject="teacher")
        fitted = fit(network, data, config.recipe, run, on_progress=on_progress)
    correct, images = fitted.validation.correct, fitted.validation.images
    facts = {"identity": identity, "validation_correct": correct, "validation_images": images, "dataset": data.name}
    write_teacher(path, network, data.shape, name=f"residual on {data.name}", facts=facts)
    return path


def teacher_identity(config: TeacherConfig, space: SearchSpace, data: ImageData) -> str:
    """Names everything that the teacher depends on."""
    shape = ResidualConfig.for_space(space, config.width_factor, config.depth)
    weights = file_digest(config.weights, "weights") if config.weights else ""
    made = config.model_dump_json(exclude={"weights"})
    return digest_of(f"teacher {made} {weights} {shape.model_dump_json()} {data.digest}".encode())
