"""A trained model of one's own that shall run within a budget, and what may be spent on it: ``[model]`` of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field

from dna_deploy.errors import UsageError
from dna_deploy.records.files import Part
from dna_deploy.values import read_names

if TYPE_CHECKING:
    from dna_deploy.fit.model import OwnModel


class ModelConfig(Part):
    """A trained model of one's own that shall run within the budget."""

    name: str = Field("", description="timm:NAME, torchvision:NAME or my_net.py:build; empty: a network of the space is sought")
    weights: Path | None = Field(None, description="a checkpoint of it: safetensors, or torch's")
    input: str = Field("", description="its images, such as 3x224x224; usually known")
    classes: int | None = Field(None, ge=1, description="how many it tells apart; usually known")
    freeze: Annotated[tuple[str, ...], BeforeValidator(read_names)] = Field((), description="parts that stay as they are")
    keep_size: bool = Field(False, description="whether images stay as large as they are; else smaller ones are tried as well")
    labels: bool = Field(False, description="whether classes of the images are the model's: learnt and judged by")
    epochs: int = Field(0, ge=0, description="of fine-tuning, on the model's answers and labels; 0: none")
    rated_images: int = Field(512, ge=8, description="to fit units to, and as many others to rate them by")
    unit_steps: int = Field(0, ge=0, description="in which units learn from the model besides; 0: least squares alone")
    shelf: Path | None = Field(None, description="what `shelf` has measured: its best within the budget is shown beside")

    def seen_from(self, folder: Path) -> ModelConfig:
        """With paths, which are relative to a folder, as they are reached from the current one."""
        path, _, build = self.name.rpartition(":")
        name = f"{folder / path}:{build}" if path.endswith(".py") else self.name
        paths = {"weights": self.weights, "shelf": self.shelf}
        return self.model_copy(update={"name": name, **{key: folder / path for key, path in paths.items() if path is not None}})

    def open(self, *, trained: bool = True) -> OwnModel:
        """The model; see `load_model`.

        Raises:
            UsageError: none is named, or it cannot be opened.
        """
        from dna_deploy.fit.model import load_model
        from dna_deploy.spaces.shapes import feature_map, parse_shape

        if not self.name:
            raise UsageError("no model is named", "say which, such as --model timm:resnet50")
        input = feature_map(parse_shape(self.input)) if self.input else None
        return load_model(self.name, self.weights, input, self.classes, trained=trained)
