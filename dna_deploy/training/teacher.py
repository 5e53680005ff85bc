"""Trains a teacher on the user's images where no pretrained one is at hand."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teacher import write_teacher
from dna_deploy.nets.tensor_file import TensorFile, file_digest
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Part, digest_of
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.objective import Objective
from dna_deploy.training.recipe import Recipe

TRAINED_HERE = "residual"
FILE_NAME = "teacher.safetensors"


class TeacherConfig(Part):
    """Which teacher, and how it is made: the shape and recipe of one trained here, or how a pretrained one is taken."""

    name: str = Field(TRAINED_HERE, description="'residual', 'largest' (of the space), or source:model, such as timm:resnet18")

    width_factor: float = Field(1.6, gt=0, description="its width, relative to the widest candidates of each block")
    depth: int = Field(1, ge=1, description="residual blocks a stage")
    recipe: Recipe = Recipe()
    weights: Path | None = Field(None, description="of a pretrained teacher: a file instead of its published weights")
    cuts: tuple[str, ...] = Field((), description="of a pretrained teacher: modules that end a block, instead of those found")
    calibration_images: int = Field(256, ge=0, description="of a pretrained teacher: its batch norms are recalibrated on them")


def train_teacher(
    config: TeacherConfig,
    space: SearchSpace,
    data: ImageData,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of a teacher trained on ``data``; the same folder resumes, and a finished one is returned as it is.

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
        fitted = fit(network, Objective(config.recipe), data, config.recipe, run, on_progress=on_progress)
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
