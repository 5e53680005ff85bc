"""``dna-deploy train``: the final training of one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from dna_deploy.spaces.chain import ChainSpace
    from dna_deploy.training.network import Start


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
    preset: Annotated[str, typer.Option(help="The recipe: short, or imagenet. What follows replaces what it says.")] = "short",
    inherit: Annotated[
        Path | None, typer.Option(help="Begin with what the blocks learnt in the supernets: the folder that rate named.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs over the training images.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Training images; all by default.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, over all processes and pieces.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Pieces that a batch is taken in, to save memory.")] = None,
    optimiser: Annotated[str | None, typer.Option(help="adamw or rmsproptf.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its highest value.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Share of a label that all classes get.")] = None,
    crop: Annotated[
        float | None, typer.Option(help="Smallest share of a picture that a random crop shows; photographs: 0.25.")
    ] = None,
    rand_augment: Annotated[int | None, typer.Option(help="Magnitude of RandAugment, such as 9; 0 is none.")] = None,
    mixup: Annotated[float | None, typer.Option(help="Alpha of mixup, such as 0.2; 0 is none.")] = None,
    cutmix: Annotated[float | None, typer.Option(help="Alpha of CutMix, such as 1.0; 0 is none.")] = None,
    ema: Annotated[
        float | None, typer.Option(help="Decay of the running mean of the weights, such as 0.999; 0 is none.")
    ] = None,
    amp: Annotated[str | None, typer.Option(help="Mixed precision: off, bf16 or fp16.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder; the same command resumes in it.")] = Path("trained"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a network on labels, and on a teacher's soft targets where one is given.

    Example: dna-deploy train outcome.json --epochs 10

    Example: torchrun --nproc-per-node 8 -m dna_deploy.cli.app train outcome.json --preset imagenet --device cuda

    Example: dna-deploy train 24:k3e1/40:k5e3,p1/80:k3e3 --space fashion
    """
    from dna_deploy.data.config import DataConfig
    from dna_deploy.data.splits import load_data
    from dna_deploy.learning.compute import Compute
    from dna_deploy.learning.processes import Processes
    from dna_deploy.nets.teachers.teacher import load_teacher
    from dna_deploy.training.config import TrainingConfig
    from dna_deploy.training.network import RECORD, train_architecture
    from dna_deploy.training.presets import make_recipe

    recipe = make_recipe(
        preset, epochs=epochs, batch=batch, accumulate=accumulate, optimiser=optimiser, learning_rate=learning_rate,
        label_smoothing=label_smoothing, rand_augment=rand_augment, mixup=mixup, cutmix=cutmix, ema=ema, amp=amp, seed=seed,
        crop=crop,
    )  # fmt: skip
    found, line = _network(network, space)
    data = load_data(DataConfig(dataset=dataset, train_images=images, seed=seed), found.input)
    found = found.with_classes(len(data.classes))
    config = TrainingConfig(recipe=recipe)
    with journey_view() as view:
        trained = train_architecture(
            found,
            found.parse(line),
            data,
            config,
            out,
            teacher=load_teacher(teacher) if teacher else None,
            start=_inherited(inherit, found, line) if inherit else None,
            on_progress=view,
            compute=Compute(device=device),
        )
    if not Processes.here().is_first:
        return
    if json:
        print_json("train", record=str(out / RECORD), trained=trained.model_dump(mode="json"))
    else:
        best = trained.validation[0]
        rows = [
            ("network", trained.architecture),
            *((f"test {metric.name}", str(metric)) for metric in trained.test),
            ("validation", f"{best.text(best.value)} in epoch {trained.best_epoch}"),
        ]
        print_result(aligned(rows))
    note(f"wrote {out / RECORD} and its weights")
    note(f"next: dna-deploy export {out / RECORD}")


def _inherited(folder: Path, space: ChainSpace, line: str) -> Start:
    """The network with the weights of its supernet layers."""
    from dna_deploy.errors import UsageError
    from dna_deploy.nets.inherit import inherited_network
    from dna_deploy.rating.rater import BlockRater, open_rater
    from dna_deploy.training.network import Start

    rater = open_rater(folder, BlockRater)
    if rater.work.space.with_classes(space.classes).digest != space.digest:  # blocks know no classes
        raise UsageError(f"the supernets in {folder} are of another space", "train without --inherit")
    network, fresh = inherited_network(space, space.parse(line), rater.supernets())
    note(f"inherits from {folder}; {', '.join((*fresh, 'head'))} begin anew")
    return Start(network, rater.work.identity)


def _network(network: str, space: str) -> tuple[ChainSpace, str]:
    """The space and the architecture's line that were meant."""
    from dna_deploy.records.known_space import known_space
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.spaces.chain import as_chain

    if ":" in network and not Path(network).exists():
        return find_chain(space), network
    outcome = SearchOutcome.read(Path(network))
    found = as_chain(known_space(outcome))
    return found, str(outcome.network(found))
