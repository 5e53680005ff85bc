"""Somebody's own model: which it is, with what weights, for what images, and what of it stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from dna_deploy.fit.model import OwnModel


@dataclass(frozen=True)
class ModelOptions:
    """A model as flags say it."""

    PANEL: ClassVar = "Model"

    model: Annotated[str, typer.Option("--model", "-m", help="timm:NAME, torchvision:NAME or my_net.py:build.")] = ""
    weights: Annotated[Path | None, typer.Option("--weights", help="A checkpoint of it: safetensors, or torch's.")] = None
    input: Annotated[str, typer.Option("--input", help="Its images, such as 3x224x224; usually known.")] = ""
    classes: Annotated[int | None, typer.Option("--classes", help="How many it tells apart; usually known.", min=1)] = None
    freeze: Annotated[list[str] | None, typer.Option("--freeze", help="A part that stays as it is; may be repeated.")] = None

    @property
    def frozen(self) -> tuple[str, ...]:
        """Parts that stay as they are."""
        return tuple(self.freeze or ())

    def open(self, *, trained: bool = True) -> OwnModel:
        """The model; see `load_model`.

        Raises:
            UsageError: none is named, or it cannot be opened.
        """
        from dna_deploy.errors import UsageError
        from dna_deploy.fit.model import load_model
        from dna_deploy.spaces.shapes import feature_map, parse_shape

        if not self.model:
            raise UsageError("no model is named", "say which, such as --model timm:resnet50")
        input = feature_map(parse_shape(self.input)) if self.input else None
        return load_model(self.model, self.weights, input, self.classes, trained=trained)
