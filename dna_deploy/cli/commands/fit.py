"""``dna-deploy fit``: one's own model within a latency budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.general import Json, Profiles
from dna_deploy.cli.options.model import ModelOptions
from dna_deploy.cli.views.fit import fitted_view
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.targets.target_file import DEFAULT_TARGET


def fit(
    *,
    model: ModelOptions,
    images: Annotated[str, typer.Option(help="A folder of images by class, shards, or a data set by name.")],
    latency: Annotated[str, typer.Option(help="The budget: a share of what the model takes, such as 60%, or a time.")],
    labels: Annotated[bool, typer.Option(help="Whether classes of the images are the model's: learnt and judged by.")] = False,
    epochs: Annotated[int, typer.Option(help="Of fine-tuning, on the model's answers and labels; 0: none.", min=0)] = 0,
    rated_images: Annotated[int, typer.Option(help="To fit units to, and as many others to rate them by.", min=8)] = 512,
    target: Annotated[str, typer.Option("--target", "-t", help="How to run it; see: dna-deploy targets.")] = DEFAULT_TARGET,
    profiles: Profiles = Path("profiles"),
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; the same command resumes in it.")] = Path("fitted"),
    json: Json = False,
) -> None:
    """Make a model of one's own run within a latency budget, and compare with what needs no search.

    Example: dna-deploy fit --model timm:resnet50 --images photos/ --latency 60%

    Example: dna-deploy fit --model my_net.py:build --weights w.pt --images photos/ --labels --latency 20ms --epochs 3
    """
    from dna_deploy.data.config import DataConfig
    from dna_deploy.data.splits import load_data
    from dna_deploy.pipeline.fit.fit import FitPlan, fit_model
    from dna_deploy.pipeline.fit.prepare import Counts
    from dna_deploy.targets.target_file import find_target
    from dna_deploy.training.recipe import Recipe

    recipe = Recipe(epochs=epochs, learning_rate=1e-3, teacher_weight=0.5 if labels else 1.0) if epochs else None
    plan = FitPlan(latency, model.frozen, labels, recipe, Counts(rated_images, rated_images))
    plan.budget_s(1.0)
    own = model.open()
    with journey_view() as view:
        data = load_data(DataConfig(dataset=images), own.input, on_progress=view)
        record = fit_model(own, data, find_target(target, profiles).target, plan, out, view)
    if json:
        print_json("fit", folder=str(out), card=record.model_dump(mode="json"), is_kept=record.is_kept)
    else:
        print_result(fitted_view(record))
    note(f"wrote model.onnx, network.py with its weights, and fitted-model.json into {out}")
