"""``dna-deploy refine``: the second stage of a search, on whole networks stitched from trained blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.refinement import Refinement
    from dna_deploy.records.search_outcome import SearchOutcome

SHOWN = 10


def refine(
    outcome: Annotated[Path, typer.Argument(help="A search outcome with a shortlist: search --top 64 -o outcome.json.")],
    *,
    run: Annotated[Path, typer.Option(help="The folder with the supernets, as `dna-deploy rate` named it.")],
    ratings: Annotated[Path | None, typer.Option(help="The rating table; default: ratings/SPACE.json.")] = None,
    with_labels: Annotated[bool, typer.Option("--with-labels", help="Show how often each is right, untrained.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the outcome with the new best here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Rank a shortlist anew: divergence from the teacher, agreement with it, block sum and size, by mean rank.

    Example: dna-deploy refine outcome.json --run runs/rate-1a2b3c4d -o refined.json
    """
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.search_outcome import SearchOutcome

    before = SearchOutcome.read(outcome)
    table = RatingTable.read(ratings or Path("ratings") / f"{before.space}.json")
    after, refinement = refine_outcome(before, table, run, with_labels=with_labels)
    if out is not None:
        after.write(out)
    if json:
        print_json("refine", refinement=refinement.model_dump(mode="json"), was_best=before.best.architecture)
    else:
        print_result(refinement_view(refinement, before))
    note(f"next: dna-deploy train {out or 'OUTCOME'}" + ("" if out else " (keep it with -o refined.json)"))


def refine_outcome(
    outcome: SearchOutcome, table: RatingTable, run: Path, *, with_labels: bool = False
) -> tuple[SearchOutcome, Refinement]:
    """The outcome with its shortlist in the order of the second stage, and that stage's numbers."""
    from dna_deploy.rating.refine import reordered

    refinement = _refined(outcome.shortlist, table, run, with_labels=with_labels)
    return reordered(outcome, refinement), refinement


def _refined(lines: Sequence[str], table: RatingTable, run: Path, *, with_labels: bool) -> Refinement:
    """The second stage of the rater that left its run in a folder."""
    from dna_deploy.rating.rater import RefiningRater, open_rater

    rater = open_rater(run, RefiningRater)
    networks = [rater.work.space.parse(line) for line in lines]
    with journey_view() as view:
        return rater.second_stage(table, with_labels=with_labels).refine(networks, view)


def refinement_view(refinement: Refinement, before: SearchOutcome) -> str:
    """The head of the refined shortlist, and what the second stage changed."""
    from dna_deploy.units import Count

    first = before.best.architecture
    place = [network.architecture for network in refinement.networks].index(first) + 1
    rows: list[tuple[object, ...]] = [
        (
            number,
            network.architecture,
            f"{network.divergence:.3f} ± {network.standard_error:.3f}",
            "" if network.known is None else f"{network.known:.1%}",
            "" if network.agreement is None else f"{network.agreement:.1%}",
            f"{network.rating:.4f}",
            Count(network.parameters),
            f"{network.mean_rank:.1f}",
            "" if network.accuracy is None else f"{network.accuracy:.1%}",
        )
        for number, network in enumerate(refinement.networks[:SHOWN], 1)
    ]
    headers: tuple[str, ...] = (
        "",
        "network",
        "divergence",
        "knows",
        "agrees",
        "block sum",
        "parameters",
        "mean rank",
        "stitched accuracy",
    )
    told = [column for column in range(len(headers)) if any(row[column] for row in rows)]
    rows, headers = [tuple(row[column] for column in told) for row in rows], tuple(headers[column] for column in told)
    change = "the best stays the best" if place == 1 else f"a new best; the block sum's best is now number {place}"
    asked = f"{refinement.images} images" + (f" by {refinement.sets} sets of supernets" if refinement.sets > 1 else "")
    return f"{aligned(rows, headers)}\n\n{len(refinement.networks)} networks on {asked}: {change}"
