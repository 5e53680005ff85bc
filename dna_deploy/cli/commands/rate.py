"""``dna-deploy rate``: how well every candidate of every block imitates a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.rate_methods import further_settings, parse_config, score_values, scores_view
from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from dna_deploy.progress import OnProgress
    from dna_deploy.rating.rater import Rater
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.spaces.chain import ChainSpace

IMAGES, TEACHER_IMAGES = 12_000, 20_000
SHOWN = 3
"""Candidates of each block that are printed."""

DRAWN = 8
"""Networks drawn at random that are scored at once where there is no table, to show what the rater knows."""


def rate(
    context: typer.Context,
    *,
    space: Annotated[str, typer.Option("--space", "-s", help="The search space, such as fashion or mbconv@128.")] = "fashion",
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="A data set by name, or a folder of images.")
    ] = "fashion-mnist",
    method: Annotated[
        str,
        typer.Option(
            help="dna: blocks imitate a teacher. dna++: no teacher, no labels. one-shot: a supernet with labels. Or a plugin."
        ),
    ] = "dna",
    teacher: Annotated[str, typer.Option(help="A teacher by name or file; see: dna-deploy teachers")] = "largest",
    teacher_weights: Annotated[Path | None, typer.Option(help="A file instead of a teacher's published weights.")] = None,
    teacher_cuts: Annotated[str, typer.Option(help="Modules of a teacher that end a block, such as layer1,layer2.")] = "",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of supernet training; by default as the method has it.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Training images for the supernets; by default at most 12000.")
    ] = None,
    rating_images: Annotated[
        int | None, typer.Option(min=2, help="Held-out images to rate on; by default a tenth, at most 2000.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=2, help="Images a step of supernet training; by default 16, for dna++ 64.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the supernets, its highest value.")] = None,
    edges: Annotated[
        str | None, typer.Option(help="How channels are made to fit, for dna: adaptors (1x1, shared) or teacher.")
    ] = None,
    teacher_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of a teacher that is trained here; by default 4, more on few images.")
    ] = None,
    teacher_images: Annotated[int | None, typer.Option(min=1, help="... for the teacher; by default at most 20000.")] = None,
    supernets: Annotated[
        int | None,
        typer.Option(min=1, help="Sets of supernets, each with a seed of its own, whose ratings are averaged: 3 know more."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes over which blocks are spread.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda; every process takes a GPU of its own.")] = "cpu",
    precision: Annotated[str, typer.Option(help="Of training: float32, or bfloat16, fast on GPUs.")] = "float32",
    compile: Annotated[bool, typer.Option("--compile", help="Compile the teacher: a slow start, then faster.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Threads that prepare batches ahead.")] = 0,
    feature_cache: Annotated[
        str, typer.Option(help="Room on disk for features of the teacher, such as 4GiB; it rounds them to 16 bits.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where checkpoints are kept; the same command resumes.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The rating table; default: ratings/SPACE.json.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Rate every candidate of every block: train block supernets from a teacher's features, then compare.

    What else a method can be told is written like its other settings: --method dna++ --draws 2

    Example: dna-deploy rate --space fashion --dataset fashion-mnist --jobs 2

    Example: dna-deploy rate --method dna++

    Example: torchrun --standalone --nproc-per-node 8 -m dna_deploy.cli.app rate --space mbconv --dataset ./photos --device cuda
    """
    from functools import partial

    from dna_deploy.data.catalog import load_dataset
    from dna_deploy.data.config import DataConfig
    from dna_deploy.data.splits import divide_up_to
    from dna_deploy.learning.compute import Compute
    from dna_deploy.learning.processes import Processes
    from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
    from dna_deploy.rating.rater import AdditiveRater, check_needs, load_rater, make_rater
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.training.config import TeacherConfig, usual_epochs
    from dna_deploy.training.recipe import Recipe
    from dna_deploy.training.teacher import teacher_identity
    from dna_deploy.training.teachers import make_teacher
    from dna_deploy.units import Bytes

    kind, processes = load_rater(method), Processes.here()
    values = {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "edges": edges, "supernets": supernets}
    config = parse_config(kind.config, {**values, "seed": seed, **further_settings(context.args)}, f"--method {method}")
    cache = Bytes.parse(feature_cache).count if feature_cache else 0
    asked = {"device": device, "jobs": jobs, "precision": precision, "compile": compile, "workers": workers}
    compute = parse_config(Compute, {**asked, "feature_cache_bytes": cache})
    has_teacher = kind.needs.teacher or teacher != "largest" or teacher_weights is not None or bool(teacher_cuts)
    check_needs(method, kind.needs, has_teacher=has_teacher, jobs=max(jobs, processes.count))
    found = find_chain(space)
    whole = load_dataset(dataset, None, found.input)
    divided = partial(divide_up_to, whole, DataConfig(dataset=dataset, rating_images=rating_images, seed=seed))

    def teach(view: OnProgress) -> Teacher:
        taught_space = found.with_classes(len(whole.classes))  # blocks are rated without a head: for every number of classes
        teacher_data = divided(teacher_images, TEACHER_IMAGES)
        recipe = Recipe(epochs=teacher_epochs or usual_epochs(len(teacher_data.train)), seed=seed)
        cuts = tuple(filter(None, teacher_cuts.split(",")))
        teacher_config = TeacherConfig(name=teacher, recipe=recipe, weights=teacher_weights, cuts=cuts)
        identity = teacher_identity(teacher_config, taught_space, teacher_data)
        place = folder / f"teacher-{identity.removeprefix('sha256:')[:8]}"
        with processes.first_goes_first():
            return load_teacher(
                make_teacher(teacher_config, taught_space, teacher_data, place, on_progress=view, compute=compute)
            )

    with journey_view() as view:
        data, taught = divided(images, IMAGES), teach(view) if kind.needs.teacher else None
        rater = make_rater(method, found, data, config, folder, teacher=taught, compute=compute, own_folder=True)
        table = rater.table(view) if isinstance(rater, AdditiveRater) else None
    if table is None:
        _show_scores(rater, seed, json=json)
    elif processes.is_first:
        _leave(table, found, out or Path("ratings") / f"{found.name}.json", rater.work.folder, json=json)


def _show_scores(rater: Rater, seed: int, *, json: bool) -> None:
    """Says what the rater knows of a few networks."""
    import random

    space, folder, rng = rater.work.space, rater.work.folder, random.Random(seed)
    networks = [space.sample(rng) for _ in range(DRAWN)]
    with journey_view() as view:
        scores = rater.score(networks, view)
    if json:
        said = [{"architecture": str(network), **score_values(score)} for network, score in zip(networks, scores, strict=True)]
        print_json("rate", method=rater.work.method, folder=str(folder), networks=said)
    else:
        print_result(scores_view(networks, scores))
    note(f"what was trained is in {folder}")
    note(f"next: dna-deploy search with {folder} --space {space.name} --latency 20ms")


def _leave(table: RatingTable, found: ChainSpace, path: Path, place: Path, *, json: bool) -> None:
    """Writes the table and says what is in it."""
    table.write(path)
    if json:
        print_json("rate", table=str(path), digest=table.digest, teacher=table.teacher, folder=str(place))
    else:
        print_result(_best(found, table))
    note(f"wrote {path}; the supernets are in {place}")
    note(f"next: dna-deploy search --space {found.name} --ratings {path} --latency 20ms")


def _best(space: ChainSpace, table: RatingTable) -> str:
    rows = []
    for number, rated in enumerate(table.blocks, 1):
        names = map(str, space.index.candidates(number - 1))
        values = list(zip(rated.ratings, rated.standard_errors, names, strict=True))
        values.sort()
        rows += [(number, name, f"{rating:.4f}", f"{error:.4f}") for rating, error, name in values[:SHOWN]]
        rows.append((number, f"... {len(values)} candidates, worst {values[-1][2]}", f"{values[-1][0]:.4f}", ""))
    return aligned(rows, ("block", "candidate", "rating (less is better)", "standard error"))
