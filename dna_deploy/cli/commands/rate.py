"""``dna-deploy rate``: how good the networks of a space are, by one of the raters."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, note_new, print_json, print_result
from dna_deploy.cli.options.general import DATASET, SEED, SPACE, Json
from dna_deploy.cli.options.groups import Further
from dna_deploy.cli.options.learning import COMPUTE, METHOD, SUPERNETS, TEACHER
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.cli.views.scores import score_values, scores_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.pipeline.images import ProjectImages
    from dna_deploy.progress import OnProgress
    from dna_deploy.rating.rater import Rater
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.spaces.chain import ChainSpace

SHOWN = 3
"""Candidates of each block that are printed."""

DRAWN = 8
"""Networks drawn at random that are scored at once where there is no table, to show what the rater knows."""


def rate(
    settings: Annotated[Settings, SPACE, DATASET, SEED, METHOD, SUPERNETS, TEACHER, COMPUTE, Further("rate")],
    *,
    folder: Annotated[Path, typer.Option(help="Where checkpoints are kept; the same command resumes.")] = Path("runs"),
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="The rating table; default: ratings/SPACE.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Rate every candidate of every block: train block supernets from a teacher's features, then compare.

    What else a method can be told is written like its other settings: --method dna++ --draws 2

    Example: dna-deploy rate --space fashion --dataset fashion-mnist --jobs 2

    Example: dna-deploy rate --space mbconv --dataset ./photos --on ray://head:10001

    Example: dna-deploy rate --method dna++

    Example: torchrun --standalone --nproc-per-node 8 -m dna_deploy.cli.app rate --space mbconv --dataset ./photos --device cuda
    """
    from dna_deploy.learning.processes import Processes
    from dna_deploy.pipeline.images import ProjectImages
    from dna_deploy.pipeline.stages.rate import Rate
    from dna_deploy.rating.rater import AdditiveRater, check_needs, load_rater
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.training.config import TeacherConfig

    needs = load_rater(settings.method).needs
    is_spread = settings.compute.is_spread or Processes.here().count > 1
    has_teacher = needs.teacher or settings.teacher.name != TeacherConfig().name
    check_needs(settings.method, needs, has_teacher=has_teacher, is_spread=is_spread)
    settings.compute.check_answers()
    images = ProjectImages(settings.data, find_chain(settings.space))
    path = out or Path("ratings") / f"{images.space.name}.json"
    stage = Rate(settings.method, settings.rate, images, None, path, settings.compute)
    note_new(folder)
    with journey_view() as view:
        images.tell(view)
        if needs.teacher:
            stage = replace(stage, teacher_file=_teach(settings, images, folder, view))
        rater = stage.rater(folder, own_folder=True)
        table = rater.table(view) if isinstance(rater, AdditiveRater) else None
    if table is None:
        _show_scores(rater, settings.seed, json=json)
    elif Processes.here().is_first:
        _leave(table, images.space, path, rater.work.folder, json=json)


def _teach(settings: Settings, images: ProjectImages, folder: Path, view: OnProgress) -> Path:
    """The teacher's file, in a folder named after all that it depends on."""
    from dna_deploy.learning.processes import Processes
    from dna_deploy.pipeline.stages.teach import Teach

    stage = Teach(settings.teacher, images, folder, settings.compute)
    with Processes.here().first_goes_first():
        return stage.make(stage.own_folder(folder), view)


def _show_scores(rater: Rater, seed: int, *, json: bool) -> None:
    """Says what the rater knows of a few networks."""
    space, folder, rng = rater.work.space, rater.work.folder, random.Random(seed)
    networks = [space.sample(rng) for _ in range(DRAWN)]
    with journey_view() as view:
        scores = rater.score(networks, view)
    if json:
        pairs = zip(networks, scores, strict=True)
        scored = [{"architecture": str(network), **score_values(score)} for network, score in pairs]
        print_json("rate", method=rater.work.method, folder=str(folder), networks=scored)
    else:
        print_result(scores_view(networks, scores))
    note(f"what was trained is in {folder}")
    note(f"next: dna-deploy search with {folder} --space {space.name} --latency 20ms")


def _leave(table: RatingTable, space: ChainSpace, path: Path, folder: Path, *, json: bool) -> None:
    """Writes the table and says what is in it."""
    table.write(path)
    if json:
        print_json("rate", table=str(path), digest=table.digest, teacher=table.teacher, folder=str(folder))
    else:
        print_result(_best(space, table))
    note(f"wrote {path}; the supernets are in {folder}")
    note(f"next: dna-deploy search --space {space.name} --ratings {path} --latency 20ms")


def _best(space: ChainSpace, table: RatingTable) -> str:
    rows = []
    for number, (ratings, errors) in enumerate(table.candidates, 1):
        values = sorted(zip(ratings, errors, map(str, space.index.candidates(number - 1)), strict=True))
        rows += [(number, name, f"{rating:.4f}", f"{error:.4f}") for rating, error, name in values[:SHOWN]]
        rows.append((number, f"... {len(values)} candidates, worst {values[-1][2]}", f"{values[-1][0]:.4f}", ""))
    return aligned(rows, ("block", "candidate", "rating (less is better)", "standard error"))
