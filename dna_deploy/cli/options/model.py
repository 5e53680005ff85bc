"""What commands about somebody's own model take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dna_deploy.fit.model import OwnModel

Model = Annotated[str, typer.Option("--model", "-m", help="timm:NAME, torchvision:NAME or my_net.py:build.")]
ModelWeights = Annotated[Path | None, typer.Option("--weights", help="A checkpoint of it: safetensors, or torch's.")]
Input = Annotated[str, typer.Option("--input", help="Its images, such as 3x224x224; usually known.")]
Classes = Annotated[int | None, typer.Option("--classes", help="How many it tells apart; usually known.", min=1)]
Freeze = Annotated[list[str] | None, typer.Option("--freeze", help="A part that stays as it is; may be repeated.")]


def open_model(name: str, weights: Path | None, input: str, classes: int | None, *, trained: bool = True) -> OwnModel:
    """The model that the options name; see `load_model`."""
    from dna_deploy.fit.model import load_model
    from dna_deploy.spaces.shapes import feature_map, parse_shape

    return load_model(name, weights, feature_map(parse_shape(input)) if input else None, classes, trained=trained)
