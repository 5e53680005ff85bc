"""``dna-deploy train``: the final training of one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.journey_view import journey_view

if TYPE_CHECKING:
    from dna_deploy.spaces.space import SearchSpace


def train(
    network: Annotated[
        str, typer.Argument(help="A search outcome, or an architecture's line (with --space).")
    ] = "outcome.json",
    *,
    space: Annotated[str, typer.Option("--space", "-s", help="The space of an architecture's line.")] = "fashion",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="A data set by name, or a folder of images.")
    ] = "fashion-mnist",
    teacher: Annotated[Path | None, typer.Option(help="A teacher's file: its soft targets are learnt beside labels.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs over the training images.")] = 4,
    images: Annotated[int | None, typer.Option(min=1, help="Training images; all by default.")] = None,
    learning_rate: Annotated[float, typer.Option(min=0, help="Its highest value.")] = 5e-3,
    batch: Annotated[int, typer.Option(min=2, help="Images a step.")] = 64,
    crop: Annotated[float, typer.Option(help="Smallest share of a picture that a random crop shows; photographs: 0.25.")] = 1.0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; the same command resumes in it.")] = Path("trained"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a network on labels, and on a teacher's soft targets where one is given.

    Example: dna-deploy train outcome.json --epochs 10

    Example: dna-deploy train 24:k3e1/40:k5e3,p1/80:k3e3 --space fashion
    """
    from dna_deploy.data.augmentation import Augmentation
    from dna_deploy.data.splits import DataConfig, load_data
    from dna_deploy.errors import UsageError
    from dna_deploy.nets.compute import Compute
    from dna_deploy.nets.teacher import load_teacher
    from dna_deploy.training.network import RECORD, TrainingConfig, train_architecture
    from dna_deploy.training.recipe import Recipe

    found, line = _network(network, space)
    data = load_data(DataConfig(dataset=dataset, train_images=images, seed=seed), found.input)
    found = found.with_classes(len(data.classes))
    if not 0 < crop <= 1:
        raise UsageError(f"--crop {crop} is no share of a picture", "write it like 0.25")
    augmentation = Augmentation(crop=crop)
    recipe = Recipe(epochs=epochs, learning_rate=learning_rate, batch=batch, augmentation=augmentation, seed=seed)
    config = TrainingConfig(recipe=recipe)
    with journey_view() as view:
        trained = train_architecture(
            found,
            found.parse(line),
            data,
            config,
            out,
            teacher=load_teacher(teacher) if teacher else None,
            on_progress=view,
            compute=Compute(device=device),
        )
    if json:
        print_json("train", record=str(out / RECORD), trained=trained.model_dump(mode="json"))
    else:
        low, high = trained.test.interval
        rows = [
            ("network", trained.architecture),
            ("test accuracy", f"{trained.test.fraction:.2%}  (95 %: {low:.2%} to {high:.2%}, {trained.test.images} images)"),
            ("validation", f"{trained.validation.fraction:.2%} in epoch {trained.best_epoch}"),
        ]
        print_result(aligned(rows))
    note(f"wrote {out / RECORD} and its weights")
    note(f"next: dna-deploy export {out / RECORD}")


def _network(network: str, space: str) -> tuple[SearchSpace, str]:
    """The space and the architecture's line that were meant."""
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.spaces.catalog import find_space

    if ":" in network and not Path(network).exists():
        return find_space(space), network
    outcome = SearchOutcome.read(Path(network))
    found = find_space(outcome.space)
    return found, str(outcome.network(found))
