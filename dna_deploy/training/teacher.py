"""Which teacher, and how it is made; trains a residual one on the user's images."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile, file_digest
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import write_teacher
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Part, digest_of
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.objective import Objective
from dna_deploy.training.recipe import Recipe

LARGEST, RESIDUAL = "largest", "residual"
"""Trained here: the largest network of the space, or a small residual one, which takes a quarter of the time."""
FILE_NAME = "teacher.safetensors"
LEAST_EPOCHS, LEAST_STEPS = 4, 250
"""With 28 steps (500 images of Fashion-MNIST, 4 epochs) the largest network of `fashion` was right on 15 % of new images, a
residual one on 67 %; with 250 (32 epochs) on 83 and 85 %."""


def usual_epochs(images: int) -> int:
    """Epochs of a teacher's training where nobody asks for others: more on few images, whose epochs have few steps."""
    return max(LEAST_EPOCHS, -(-LEAST_STEPS * Recipe().batch // max(1, images)))


class TeacherConfig(Part):
    """Which teacher, and how it is made: the shape and recipe of one trained here, or how a pretrained one is taken."""

    name: str = Field(LARGEST, description="'largest' (of the space), 'residual', or source:model, such as timm:resnet18")

    width_factor: float = Field(
        1.6, gt=0, description="of a residual one: its width, relative to each block's widest candidates"
    )
    depth: int = Field(1, ge=1, description="of a residual one: residual blocks a stage")
    recipe: Recipe = Recipe()
    weights: Path | None = Field(None, description="of a pretrained teacher: a file instead of its published weights")
    cuts: tuple[str, ...] = Field((), description="of a pretrained teacher: modules that end a block, instead of those found")
    calibration_images: int = Field(256, ge=0, description="of a pretrained teacher: its batch norms are recalibrated on them")


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
        fitted = fit(network, Objective(config.recipe), data, config.recipe, run, on_progress=on_progress)
    validation = [metric.model_dump(mode="json") for metric in fitted.validation]
    facts = {"identity": identity, "validation": validation, "dataset": data.name}
    write_teacher(path, network, data.shape, name=f"residual on {data.name}", facts=facts)
    return path


def teacher_identity(config: TeacherConfig, space: SearchSpace, data: ImageData) -> str:
    """Names everything that the teacher depends on."""
    shape = ResidualConfig.for_space(space, config.width_factor, config.depth)
    weights = file_digest(config.weights, "weights") if config.weights else ""
    made = config.model_dump_json(exclude={"weights"})
    return digest_of(f"teacher {made} {weights} {shape.model_dump_json()} {data.digest}".encode())
