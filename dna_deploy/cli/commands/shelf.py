"""``dna-deploy shelf``: pretrained networks of others on this device, beside what is published of their accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json, Profiles
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.targets.target_file import DEFAULT_TARGET

if TYPE_CHECKING:
    from dna_deploy.records.shelf import Shelf


def shelf(
    *,
    accuracies: Annotated[Path, typer.Option(help="timm's file of results, results-imagenet.csv.")],
    models: Annotated[list[str] | None, typer.Option(help="Names, such as 'mobilenetv3*'; may be repeated.")] = None,
    most: Annotated[int, typer.Option(help="So many are measured: those that promise most.", min=1)] = 24,
    latency: Annotated[str, typer.Option(help="Name the best within a time, such as 20ms.")] = "",
    target: Annotated[str, typer.Option("--target", "-t", help="How to run them; see: dna-deploy targets.")] = DEFAULT_TARGET,
    profiles: Profiles = Path("profiles"),
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="The file; the same command goes on with it.")] = Path(
        "shelf.json"
    ),
    json: Json = False,
) -> None:
    """Measure pretrained networks of timm on this device, and draw their front of published accuracy over latency.

    Example: dna-deploy shelf --accuracies results-imagenet.csv --latency 20ms

    Example: dna-deploy shelf --accuracies results-imagenet.csv --models 'mobilenetv3*' --models 'resnet*'
    """
    from dna_deploy.pipeline.shelf import measure_shelf
    from dna_deploy.targets.target_file import find_target
    from dna_deploy.units import Duration

    budget = Duration.parse(latency) if latency else None
    with journey_view() as view:
        measured = measure_shelf(accuracies, models or (), most, find_target(target, profiles).target, out, view)
    best = measured.best_within(budget.seconds) if budget else None
    if json:
        print_json(
            "shelf",
            path=str(out),
            shelf=measured.model_dump(mode="json"),
            front=[model.name for model, _ in measured.front],
            best=best[0].name if best else None,
        )
        return
    print_result(_view(measured))
    if budget:
        print_result(f"within {budget}: {best[0].name}, {Duration(best[1])}" if best else f"nothing runs within {budget}")
    note(f"wrote {out}; the front as a picture: dna-deploy report {out}")


def _view(shelf: Shelf) -> str:
    """A line a model, fastest first; those of the front are marked."""
    front = {model.name for model, _ in shelf.front}
    rows = [
        ("*" if model.name in front else "", model.name, str(model.image_size), f"{model.top1:.1%}", f"{seconds * 1e3:.2f}",
         f"{model.parameters:.1f}")
        for model, seconds in shelf.timed
    ]  # fmt: skip
    absent = [f"{model.name} at {model.image_size}: {getattr(model.time, 'reason', '')}" for model in shelf.models
              if hasattr(model.time, "reason")]  # fmt: skip
    headers = ("front", "model", "images", "published top-1", "ms", "million parameters")
    return "\n".join((aligned(rows, headers), *absent))
