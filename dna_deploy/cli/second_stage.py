"""The second stage of a search, by the supernets in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.cli.views.journey import journey_view
from dna_deploy.errors import UsageError

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
    """The second stage of the method whose supernets are in a folder."""
    from dna_deploy.rating.raters.dna_pp.population import METHOD, PopulationConfig
    from dna_deploy.rating.raters.dna_pp.stitched import refine_population
    from dna_deploy.rating.refine import refine as refine_shortlist
    from dna_deploy.rating.run import open_sets
    from dna_deploy.rating.teacherless import method_in, open_teacherless

    if method_in(run) is None:
        works = open_sets(run)
        networks = [works[0].space.parse(line) for line in lines]
        with journey_view() as view:
            return refine_shortlist(works, table, networks, with_labels=with_labels, on_progress=view)
    if with_labels:
        raise UsageError("a population has no head, so that no label can be right", "leave out --with-labels")
    population = open_teacherless(run, METHOD, PopulationConfig)
    with journey_view() as view:
        networks = [population.space.parse(line) for line in lines]
        return refine_population(population, table, networks, on_progress=view)
