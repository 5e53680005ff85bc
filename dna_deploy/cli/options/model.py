"""Keys of ``[model]`` that are flags of commands about somebody's own model."""

from __future__ import annotations

from dna_deploy.cli.options.groups import Knob, Knobs

MODEL = Knobs(
    "Model",
    Knob("model.name", ("--model", "-m"), "timm:NAME, torchvision:NAME or my_net.py:build"),
    *("model.weights", "model.input", "model.classes", "model.freeze"),
)
FITTING = Knobs(
    "Fitting",
    Knob("model.labels", ("--labels",)),
    *("model.keep_size", "model.epochs", "model.rated_images", "model.unit_steps", "model.shelf"),
)
