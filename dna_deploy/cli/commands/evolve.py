"""``dna-deploy evolve``: DNA+, rounds in which what was found, made larger, becomes the next teacher."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, note_new, print_json, print_result
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import DATASET, SEED, SPACE, Json
from dna_deploy.cli.options.learning import EVOLUTION, METHOD, SPREADING, SUPERNETS, TEACHER
from dna_deploy.cli.options.tables import LatencyTables
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from dna_deploy.records.lineage import Lineage, MeasuredGain
    from dna_deploy.records.model_card import Absent
    from dna_deploy.records.score import Metric, ScoreKind


def evolve(
    settings: Annotated[Settings, SPACE, DATASET, SEED, EVOLUTION, METHOD, SUPERNETS, TEACHER, SPREADING],
    constraints: Constraints,
    tables: LatencyTables,
    folder: Annotated[Path, typer.Option(help="Where everything is kept; the same command resumes.")] = Path("runs/evolve"),
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="The best ratings; default: ratings/SPACE.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Search in rounds (DNA+): the best network, made larger and trained, becomes the next teacher, while that gains.

    Example: dna-deploy evolve --space fashion --macs 2M --rounds 3

    Example: dna-deploy evolve --latency 20ms --teacher timm:resnet18 --space mbconv --dataset photos/
    """
    from dna_deploy.pipeline.evolve import evolve as run_rounds
    from dna_deploy.pipeline.images import ProjectImages
    from dna_deploy.pipeline.round import EvolutionRun, Round
    from dna_deploy.pipeline.stages.search import Bounds
    from dna_deploy.pipeline.stages.teach import Teach
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.spaces.catalog import find_chain

    images = ProjectImages(settings.data, find_chain(settings.space))
    latency_tables = tables.read(settings.space)[1] if constraints.latency or tables.table else []
    bounds = Bounds(tuple(constraints.read(settings.quantile)), tuple(latency_tables), constraints.confidence_level)
    evolution, first = EvolutionRun(settings, images, bounds, folder), folder / "first-teacher"
    teach = Teach(settings.teacher, images, first / "teacher.safetensors", settings.compute)
    Round(evolution, 1, teach.file).rate.check()
    note_new(folder)
    with journey_view() as view:
        images.tell(view)
        lineage = run_rounds(evolution, teach.make(first, view), view)
    best, path = lineage.best, out or Path("ratings") / f"{images.space.name}.json"
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
    for round in lineage.rounds:
        rows.append((round.number, "teacher", _value(round.teacher.validation), round.teacher.name))
        rows.append(("", "winner", _value(round.winner.validation), round.winner.architecture))
        if not isinstance(round.winner.gain, Absent):
            rows.append(("", "", "", _gain(round.winner.gain, round.winner.validation)))
        if not isinstance(round.heir, Absent):
            rows.append(("", "made larger", _value(round.heir.teacher.validation), f"{round.heir.growth:.1f} times the winner"))
            rows.append(("", "", "", _gain(round.heir.gain, round.winner.validation)))
        rows.append(("", "took", f"{sum(round.seconds.values()):.0f} s", ""))
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
