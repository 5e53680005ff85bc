"""How a network learns to classify: everything that its final weights depend on, besides images and architecture."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.errors import UsageError
from dna_deploy.records.files import Part, equal_to


def _later(default: Any, **field: Any) -> Any:
    """What a later version brought: left out where it is not used, so that trainings keep the names they were begun by."""
    return Field(default, exclude_if=equal_to(default), **field)


class Recipe(Part):
    """Optimiser, schedule and what keeps a network from learning by heart. The defaults suit small data."""

    epochs: int = Field(4, ge=1, description="passes over the training images")
    batch: int = Field(64, ge=2, description="images a step, over all processes and pieces")
    learning_rate: float = Field(5e-3, gt=0, description="the highest learning rate")
    weight_decay: float = Field(0.02, ge=0, description="of convolutions and linear maps; none on batch norms and biases")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of every label that is spread over all classes")
    teacher_weight: float = Field(0.5, ge=0, le=1, description="share of the teacher's soft targets, where there is a teacher")
    temperature: float = Field(2.0, gt=0, description="softens both sides of the soft targets (Hinton, arXiv 1503.02531)")
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0, description="of everything random in it")

    optimiser: Literal["adamw", "rmsproptf"] = _later("adamw", description="adamw or rmsproptf, as timm calls them")
    schedule: Literal["cosine", "step"] = _later("cosine", description="how the learning rate falls after the warm-up")
    decay: float = _later(0.97, gt=0, le=1, description="factor of the learning rate a step of the schedule 'step'")
    decay_epochs: float = _later(2.4, gt=0, description="epochs between two steps of the schedule 'step'")
    ema: float = _later(0.0, ge=0, lt=1, description="decay of the running mean of the weights, which is judged then; 0: none")
    rand_augment: int = _later(0, ge=0, le=30, description="magnitude of RandAugment (arXiv 1909.13719); 0: none")
    mixup: float = _later(0.0, ge=0, description="alpha of mixup (arXiv 1710.09412); 0: none")
    cutmix: float = _later(
        0.0, ge=0, description="alpha of CutMix (arXiv 1905.04899); 0: none. Beside mixup: one of them a step"
    )
    dropout: float = _later(0.0, ge=0, lt=1, description="share of the features that the classifier does not see")
    drop_path: float = _later(0.0, ge=0, lt=1, description="share of images for which the last residual is left out")
    amp: Literal["off", "bf16", "fp16"] = _later("off", description="mixed precision: off, bf16 or fp16")
    accumulate: int = _later(1, ge=1, description="pieces a process takes its share of a batch in, to save memory")

    @model_validator(mode="after")
    def _divides(self) -> Recipe:
        self.piece(1)
        return self

    def piece(self, processes: int) -> int:
        """Images at once in each of so many processes.

        Raises:
            UsageError: a batch cannot be divided so.
        """
        size, rest = divmod(self.batch, processes * self.accumulate)
        if rest or size < 2:
            what = f"{processes} process(es) with {self.accumulate} piece(s) each"
            raise UsageError(f"a batch of {self.batch} images cannot be divided over {what}", "two images a piece at least")
        return size
