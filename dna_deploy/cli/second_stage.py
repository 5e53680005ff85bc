"""The second stage of a search, by the supernets in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.refinement import Refinement
    from dna_deploy.records.search_outcome import SearchOutcome


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
