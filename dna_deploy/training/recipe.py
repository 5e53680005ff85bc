"""How a network learns to classify: everything that its final weights depend on, besides images and architecture."""

from __future__ import annotations

from pydantic import Field

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.records.files import Part


class Recipe(Part):
    """AdamW with a warm-up and a cosine to zero."""

    epochs: int = Field(4, ge=1)
    batch: int = Field(64, ge=2)
    learning_rate: float = Field(5e-3, gt=0, description="its highest value")
    weight_decay: float = Field(0.02, ge=0, description="of convolutions and linear maps; none on batch norms and biases")
    warm_up: float = Field(0.1, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    teacher_weight: float = Field(0.5, ge=0, le=1, description="share of the teacher's soft targets, where there is a teacher")
    temperature: float = Field(2.0, gt=0, description="softens both sides of the soft targets (Hinton, arXiv 1503.02531)")
    augmentation: Augmentation = Augmentation()
    seed: int = Field(0, ge=0)
