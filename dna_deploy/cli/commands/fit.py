"""``dna-deploy fit``: one's own model within a latency budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.general import READING, SEED, TARGET, Json, Profiles
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.options.learning import APART
from dna_deploy.cli.options.model import FITTING, MODEL
from dna_deploy.cli.views.fit import fitted_view
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

PROMISE = Knobs(
    "Options",
    Knob("dataset", ("--images", "-i"), "A folder of pictures, of folders of them by class, shards, or a data set by name"),
    Knob("latency", help="The budget: a share of what the model takes, such as 60%, or a time"),
)


def fit(
    *,
    settings: Annotated[Settings, MODEL, PROMISE, TARGET, SEED, FITTING, APART, READING],
    profiles: Profiles = Path("profiles"),
    tables: Annotated[Path, typer.Option(help="Where latency tables are read and kept.")] = Path("latency_tables"),
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="A folder; the same command resumes in it.")] = Path(
        "fitted"
    ),
    json: Json = False,
) -> None:
    """Make a model of one's own run within a latency budget, and compare with what needs no search.

    Example: dna-deploy fit --model timm:resnet50 --images photos/ --latency 60%

    Example: dna-deploy fit --model my_net.py:build --weights w.pt --images photos/ --labels --latency 20ms --epochs 3 --jobs 4
    """
    fit_and_tell(settings, out, profiles, tables, json=json)


def fit_and_tell(settings: Settings, out: Path, profiles: Path, tables: Path, *, json: bool) -> None:
    """Does it, and prints what came of it."""
    from dna_deploy.latency.workshop import Folders
    from dna_deploy.pipeline.fit.project import fit_project

    with journey_view() as view:
        record = fit_project(settings, out, Folders(profiles, tables), view)
    if json:
        print_json("fit", folder=str(out), card=record.model_dump(mode="json"), is_kept=record.is_kept)
    else:
        print_result(fitted_view(record))
    note(f"wrote model.onnx, network.py with its weights, and fitted-model.json into {out}")
    note(f"next: dna-deploy report {out}")
