"""``dna-deploy refine``: the second stage of a search, on whole networks stitched from trained blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.options.learning import SPREADING
from dna_deploy.cli.options.tables import Ratings
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.cli.views.refinement import refinement_view
from dna_deploy.pipeline.settings import Settings


def refine(
    outcome: Annotated[Path, typer.Argument(help="A search outcome with a shortlist: search --top 64 -o outcome.json.")],
    *,
    ratings: Ratings,
    run: Annotated[Path, typer.Option(help="The folder with the supernets, as `dna-deploy rate` named it.")],
    settings: Annotated[Settings, SPREADING],
    with_labels: Annotated[bool, typer.Option("--with-labels", help="Show how often each is right, untrained.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", "-o", help="Write the outcome with the new best here.")
    ] = None,
    json: Json = False,
) -> None:
    """Rank a shortlist anew: divergence from the teacher, agreement with it, block sum and size, by mean rank.

    Example: dna-deploy refine outcome.json --run runs/rate-1a2b3c4d -o refined.json

    Example: dna-deploy refine outcome.json --run runs/rate-1a2b3c4d --on ray://head:10001
    """
    from dna_deploy.rating.rater import RefiningRater, open_rater
    from dna_deploy.records.search_outcome import SearchOutcome

    before, rater = SearchOutcome.read(outcome), open_rater(run, RefiningRater, settings.compute)
    second = rater.second_stage(ratings.read(before.space), with_labels=with_labels)
    with journey_view() as view:
        refinement = second.refine([rater.work.space.parse(line) for line in before.shortlist], view)
    if out is not None:
        refinement.reorder(before).write(out)
    if json:
        print_json("refine", refinement=refinement.model_dump(mode="json"), was_best=before.best.architecture)
    else:
        print_result(refinement_view(refinement, before))
    note(f"next: dna-deploy train {out or 'OUTCOME'}" + ("" if out else " (keep it with -o refined.json)"))
