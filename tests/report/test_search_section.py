"""The networks beside the answer: what the list says of their order, and when it is folded."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.report.content import Table
from dna_deploy.report.evidence import select
from dna_deploy.report.findings import gather
from dna_deploy.report.sections.search import search_section
from tests.report.story import outcome_of, write_story
from tests.spaces.chains import FASHION

OUTCOME = outcome_of(FASHION)


def beside(folder: Path, ratings: list[float]) -> Table:
    """The list of an outcome whose networks, its answer first, have these ratings."""
    best, *others = [OUTCOME.best.model_copy(update={"rating": rating}) for rating in ratings]
    write_story(folder, without=("search-outcome",))
    OUTCOME.model_copy(update={"best": best, "others": tuple(others), "ties": ()}).write(folder / "outcome.json")
    pieces = search_section(select(gather([folder]))).pieces
    (table,) = [piece for piece in pieces if isinstance(piece, Table) and piece.caption.startswith("Other networks")]
    return table


def test_networks_in_the_order_of_their_ratings_are_said_to_be(tmp_path: Path) -> None:
    table = beside(tmp_path, [0.3, 0.4, 0.5])
    assert (table.caption, table.headers[0]) == ("Other networks within the constraints, by their rating", "network")


def test_an_order_that_ratings_do_not_explain_is_that_of_the_second_stage(tmp_path: Path) -> None:
    table = beside(tmp_path, [0.4, 0.5, 0.3])
    assert "places are ranks of the second stage, of whole networks; the rating is of block sums alone" in table.caption
    assert table.headers[0] == "rank as a whole network"
    assert [row[0] for row in table.rows if row[0].startswith(("the answer", "place"))] == ["the answer", "place 2", "place 3"]


@pytest.mark.parametrize(("networks", "is_folded"), [(6, False), (64, True)])
def test_a_short_list_stands_open_and_a_long_one_is_folded(tmp_path: Path, networks: int, is_folded: bool) -> None:
    table = beside(tmp_path, [0.3 + number / 1000 for number in range(networks)])
    assert len(table.rows) >= networks
    assert table.is_folded is is_folded
