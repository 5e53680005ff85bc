"""``dna-deploy train``: the final training of one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, note_new, print_json, print_result
from dna_deploy.cli.options.general import DATASET, SEED, SPACE, Json
from dna_deploy.cli.options.learning import DEVICE, TRAINING
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages.train import Train
from dna_deploy.training.config import TrainingConfig

if TYPE_CHECKING:
    from dna_deploy.records.trained_network import TrainedNetwork
    from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
    from dna_deploy.training.network import Start


def train(
    network: Annotated[
        str, typer.Argument(help="A search outcome, or an architecture's line (with --space).")
    ] = "outcome.json",
    *,
    settings: Annotated[Settings, SPACE, DATASET, SEED, TRAINING, DEVICE],
    teacher: Annotated[Path | None, typer.Option(help="A teacher's file: its soft targets are learnt beside labels.")] = None,
    task: Annotated[
        str, typer.Option(help="What the network is for: classification, or a task of a package.")
    ] = "classification",
    inherit: Annotated[
        Path | None, typer.Option(help="Begin with what the blocks learnt in the supernets: the folder that rate named.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "--output", "-o", help="A folder; the same command resumes in it.")] = Path(
        "trained"
    ),
    json: Json = False,
) -> None:
    """Train a network on labels, and on a teacher's soft targets where one is given.

    Example: dna-deploy train outcome.json --epochs 10

    Example: torchrun --nproc-per-node 8 -m dna_deploy.cli.app train outcome.json --preset imagenet --device cuda

    Example: dna-deploy train 24:k3e1/40:k5e3,p1/80:k3e3 --space fashion
    """
    from dna_deploy.learning.processes import Processes
    from dna_deploy.nets.teachers.teacher import load_teacher

    space, line = _network(network, settings.space)
    images = ProjectImages(settings.data, space, task)
    stage = Train(TrainingConfig(recipe=settings.train, task=task), images, Path(network), teacher, out, settings.compute)
    taught = load_teacher(teacher) if teacher else None
    note_new(out)
    with journey_view() as view:
        images.tell(view)
    start = _inherited(inherit, images.fitting_space, line) if inherit else None
    with journey_view() as view:
        trained = stage.train(line, out, teacher=taught, start=start, on_progress=view)
    if not Processes.here().is_first:
        return
    if json:
        print_json("train", record=str(stage.record_file), trained=trained.model_dump(mode="json"))
    else:
        print_result(_view(trained))
    note(f"wrote {stage.record_file} and its weights")
    note(f"next: dna-deploy export {stage.record_file}")


def _view(trained: TrainedNetwork) -> str:
    best = trained.validation[0]
    rows = [
        ("network", trained.architecture),
        *((f"test {metric.name}", str(metric)) for metric in trained.test),
        ("validation", f"{best.text(best.value)} in epoch {trained.best_epoch}"),
    ]
    return aligned(rows)


def _inherited(folder: Path, space: HeadedSpace, line: str) -> Start:
    """The network with the weights of its supernet layers."""
    from dna_deploy.errors import UsageError
    from dna_deploy.nets.inherit import inherited_network
    from dna_deploy.rating.rater import BlockRater, open_rater
    from dna_deploy.training.network import Start

    rater = open_rater(folder, BlockRater)
    if rater.work.space.digest != space.digest:
        raise UsageError(f"the supernets in {folder} are of another space", "train without --inherit")
    network, fresh = inherited_network(space, space.parse(line), rater.supernets())
    note(f"inherits from {folder}; {', '.join((*fresh, 'head'))} begin anew")
    return Start(network, rater.work.identity)


def _network(network: str, space: str) -> tuple[ChainSpace, str]:
    """The space and the architecture's line that were meant."""
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.spaces.chain import as_headed

    if ":" in network and not Path(network).exists():
        return find_chain(space), network
    outcome = SearchOutcome.read(Path(network))
    known = as_headed(outcome.find_networks())
    return known, str(outcome.network(known))
