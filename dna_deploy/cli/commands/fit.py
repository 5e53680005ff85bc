"""``dna-deploy fit``: one's own model within a latency budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.fitting import Fitting
from dna_deploy.cli.options.general import Json, Profiles
from dna_deploy.cli.options.learning import APART
from dna_deploy.cli.options.model import ModelOptions
from dna_deploy.cli.views.fit import fitted_view
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings
from dna_deploy.targets.target_file import DEFAULT_TARGET


def fit(
    *,
    model: ModelOptions,
    images: Annotated[str, typer.Option(help="A folder of images by class, shards, or a data set by name.")],
    latency: Annotated[str, typer.Option(help="The budget: a share of what the model takes, such as 60%, or a time.")],
    fitting: Fitting,
    settings: Annotated[Settings, APART],
    target: Annotated[str, typer.Option("--target", "-t", help="How to run it; see: dna-deploy targets.")] = DEFAULT_TARGET,
    profiles: Profiles = Path("profiles"),
    tables: Annotated[Path, typer.Option(help="Where latency tables are kept; one of the model is read.")] = Path(
        "latency_tables"
    ),
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; the same command resumes in it.")] = Path("fitted"),
    json: Json = False,
) -> None:
    """Make a model of one's own run within a latency budget, and compare with what needs no search.

    Example: dna-deploy fit --model timm:resnet50 --images photos/ --latency 60%

    Example: dna-deploy fit --model my_net.py:build --weights w.pt --images photos/ --labels --latency 20ms --epochs 3 --jobs 4
    """
    from dna_deploy.data.config import DataConfig
    from dna_deploy.data.splits import load_data
    from dna_deploy.latency.workshop import Folders
    from dna_deploy.pipeline.fit.fit import fit_model
    from dna_deploy.pipeline.fit.table import Device
    from dna_deploy.targets.target_file import find_target

    settings.compute.check_answers()
    plan = fitting.plan(latency, model.frozen, settings.compute)
    own = model.open()
    with journey_view() as view:
        data = load_data(DataConfig(dataset=images, needs_classes=plan.has_labels), own.input, on_progress=view)
        device = Device(find_target(target, profiles), Folders(profiles, tables))
        record = fit_model(own, data, device, plan, out, view)
    if json:
        print_json("fit", folder=str(out), card=record.model_dump(mode="json"), is_kept=record.is_kept)
    else:
        print_result(fitted_view(record))
    note(f"wrote model.onnx, network.py with its weights, and fitted-model.json into {out}")
