"""Recipes with a name, and what a user changes in them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.training.recipe import Recipe

SHORT = Recipe()
"""Minutes on small data. How its batch, learning rate and shift compare with others: ``benchmarks/training/recipe.py``."""

IMAGENET = Recipe(
    epochs=500,
    batch=4096,
    accumulate=2,
    optimiser="rmsproptf",
    learning_rate=0.256,
    weight_decay=1e-5,
    schedule="step",
    decay=0.97,
    decay_epochs=2.4,
    warm_up=5 / 500,
    label_smoothing=0.1,
    ema=0.9998,
    dropout=0.2,
    drop_path=0.2,
    augmentation=Augmentation(shift=0, crop=0.08),
)
"""What DNA's authors retrained their networks by: the protocol of EfficientNet (arXiv 1905.11946, whose weight decay it is)
with 64 images a piece on 32 GPUs, two pieces a step."""

PRESETS = {"short": SHORT, "imagenet": IMAGENET}


def make_recipe(preset: str, *, crop: float | None = None, **changes: Any) -> Recipe:
    """A preset with some of its values changed; those that are None stay.

    Args:
        preset: One of `PRESETS`.
        crop: Of its augmentation.
        changes: Of its other values.

    Raises:
        UsageError: no such preset, or a value that cannot be.
    """
    if preset not in PRESETS:
        raise UsageError(f"there is no preset {preset!r}", suggest(preset, tuple(PRESETS)))
    wanted = {name: value for name, value in changes.items() if value is not None}
    values = {name: getattr(PRESETS[preset], name) for name in Recipe.model_fields} | wanted
    if crop is not None:
        values["augmentation"] = {**PRESETS[preset].augmentation.model_dump(), "crop": crop}
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name, problem = str(first["loc"][-1]), first["msg"][0].lower() + first["msg"][1:]
        field = Recipe.model_fields.get(name) or Augmentation.model_fields.get(name)
        hint = f"it is {field.description}" if field is not None and field.description else ""
        raise UsageError(f"{name.replace('_', '-')} {first['input']!r}: {problem}", hint) from error
