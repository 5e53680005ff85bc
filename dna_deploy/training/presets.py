"""Recipes with a name, and what a user changes in them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

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


class FinalRecipe(Recipe):
    """Final training of the network that search found: what a preset says, unless it is said otherwise."""

    preset: str = Field(
        "short", exclude=True, description="the recipe to begin with: short, or imagenet; all other keys replace what it says"
    )

    @model_validator(mode="before")
    @classmethod
    def _begins_with_the_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = values.get("preset", "short")
        if preset not in PRESETS:
            raise UsageError(f"there is no preset {preset!r}", suggest(preset, tuple(PRESETS)))
        augmentation, said = PRESETS[preset].augmentation, values.get("augmentation", {})
        if isinstance(said, dict):
            said = {**augmentation.model_dump(), **said}
        changed = {name for name, field in Recipe.model_fields.items() if getattr(PRESETS[preset], name) != field.default}
        begun = {name: getattr(PRESETS[preset], name) for name in changed}
        return {**begun, **values, "augmentation": said}
