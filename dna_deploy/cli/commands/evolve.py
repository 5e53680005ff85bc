"""``dna-deploy evolve``: DNA+, rounds in which what was found, made larger, becomes the next teacher."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from dna_deploy.records.lineage import Lineage, MeasuredGain
    from dna_deploy.records.model_card import Absent
    from dna_deploy.records.score import Metric, ScoreKind

IMAGES, TEACHER_IMAGES = 12_000, 20_000


def evolve(
    *,
    latency: Annotated[
        list[str] | None,
        typer.Option(help="Latency budget of winners: 20ms, 20ms@TARGET. Repeatable.", metavar="BOUND"),
    ] = None,
    parameters: Annotated[list[str] | None, typer.Option(help="Trainable parameters: 5.3M.", metavar="BOUND")] = None,
    macs: Annotated[list[str] | None, typer.Option(help="Multiply-accumulates an image: 400M.", metavar="BOUND")] = None,
    table: Annotated[
        list[Path] | None, typer.Option(help="A latency table; default: latency_tables/SPACE.*.json. May be repeated.")
    ] = None,
    space: Annotated[str, typer.Option("--space", "-s", help="The search space.")] = "fashion",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="A data set by name, or a folder of images.")
    ] = "fashion-mnist",
    teacher: Annotated[
        str, typer.Option(help="The first teacher, by name or file; 'residual' and 'largest' are trained here first.")
    ] = "residual",
    rounds: Annotated[int, typer.Option(min=1, help="At most so many rounds.")] = 3,
    margin: Annotated[float, typer.Option(min=0, help="A gain counts beyond so many of its standard errors.")] = 1.0,
    growth: Annotated[float, typer.Option(min=1.01, help="Parameters of a next teacher, in winners.")] = 6.0,
    resolution: Annotated[float, typer.Option(min=1, help="Growth of a next teacher's images, to 1.2 of depth.")] = 1.0,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of supernet training.")] = 4,
    images: Annotated[int | None, typer.Option(min=1, help="Training images of supernets; by default at most 12000.")] = None,
    train_epochs: Annotated[int, typer.Option(min=1, help="Epochs of each winner, and of each teacher.")] = 4,
    train_images: Annotated[int | None, typer.Option(min=1, help="Images of both; by default at most 20000.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes over which blocks are spread.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where everything is kept; the same command resumes.")] = Path("runs/evolve"),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The best ratings; default: ratings/SPACE.json.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Search in rounds (DNA+): the best network, made larger and trained, becomes the next teacher, while that gains.

    Example: dna-deploy evolve --space fashion --macs 2M --rounds 3

    Example: dna-deploy evolve --latency 20ms --teacher timm:resnet18 --space mbconv --dataset photos/
    """
    from dna_deploy.cli.options.tables import LatencyTables
    from dna_deploy.data.catalog import load_dataset
    from dna_deploy.data.config import DataConfig
    from dna_deploy.data.splits import divide_up_to
    from dna_deploy.learning.compute import Compute
    from dna_deploy.pipeline.evolve import evolve as run_rounds
    from dna_deploy.pipeline.round import EvolutionConfig, EvolutionWork, Growth
    from dna_deploy.rating.raters.dna.config import RatingConfig
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.search import Constraint
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.training.config import TeacherConfig
    from dna_deploy.training.recipe import Recipe
    from dna_deploy.training.teachers import make_teacher

    found, compute = find_chain(space), Compute(device=device, jobs=jobs)
    asked = {"latency": latency, "parameters": parameters, "macs": macs}
    constraints = tuple(Constraint.parse(name, text) for name, texts in asked.items() for text in texts or ())
    whole, base = load_dataset(dataset, None, found.input), DataConfig(dataset=dataset, seed=seed)
    recipe = Recipe(epochs=train_epochs, seed=seed)
    work = EvolutionWork(
        space=found,
        data=divide_up_to(whole, base, images, IMAGES),
        teacher_data=divide_up_to(whole, base, train_images, TEACHER_IMAGES),
        config=EvolutionConfig(
            rounds=rounds, margin=margin, rating=RatingConfig(epochs=epochs, seed=seed), winner=recipe, teacher=recipe,
            growth=Growth(parameters=growth, resolution=resolution),
        ),
        constraints=constraints,
        tables=tuple(LatencyTables(table).read(space)[1]) if latency or table else (),
        folder=folder,
        compute=compute,
    )  # fmt: skip
    first = TeacherConfig(name=teacher, recipe=recipe)
    with journey_view() as view:
        taught = make_teacher(
            first, work.trained_space, work.teacher_data, folder / "first-teacher", on_progress=view, compute=compute
        )
        lineage = run_rounds(work, taught, view)
    best, path = lineage.best, out or Path("ratings") / f"{found.name}.json"
    RatingTable.read(folder / f"round-{best.number}" / "ratings.json").write(path)
    if json:
        print_json("evolve", lineage=lineage.model_dump(mode="json"), best=best.number, ratings=str(path))
    else:
        print_result(lineage_view(lineage))
    note(f"wrote {path}, the ratings of round {best.number}, and {folder / 'lineage.json'}")
    note(f"next: dna-deploy export {folder / f'round-{best.number}' / 'trained-network.json'}")


def lineage_view(lineage: Lineage) -> str:
    """Every round in a few lines, and why there are no more."""
    from dna_deploy.records.model_card import Absent

    rows: list[tuple[object, ...]] = []
    for done in lineage.rounds:
        rows.append((done.number, "teacher", _value(done.teacher.validation), done.teacher.name))
        rows.append(("", "winner", _value(done.winner.validation), done.winner.architecture))
        if not isinstance(done.winner.gain, Absent):
            rows.append(("", "", "", _gain(done.winner.gain, done.winner.validation)))
        if not isinstance(done.heir, Absent):
            rows.append(("", "made larger", _value(done.heir.teacher.validation), f"{done.heir.growth:.1f} times the winner"))
            rows.append(("", "", "", _gain(done.heir.gain, done.winner.validation)))
        rows.append(("", "took", f"{sum(done.seconds.values()):.0f} s", ""))
    headers = ("round", "", lineage.best.winner.validation.name, "on validation images")
    stopped = f"stopped after round {len(lineage.rounds)}: {lineage.stopped}"
    return f"{aligned(rows, headers)}\n\n{fill(stopped, 80)}\nbest: round {lineage.best.number}"


def _value(metric: Metric | Absent) -> str:
    from dna_deploy.records.score import Metric

    return metric.text(metric.value) if isinstance(metric, Metric) else "unknown"


def _gain(gain: MeasuredGain | Absent, kind: ScoreKind) -> str:
    from dna_deploy.records.lineage import MeasuredGain

    if not isinstance(gain, MeasuredGain):
        return gain.reason
    return f"{kind.difference(gain.value, gain.standard_error)} over {gain.over}"
