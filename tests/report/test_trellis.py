"""The report of a trellis: a block's candidates are those that may stand behind the network that was found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dna_deploy.report.evidence import select
from dna_deploy.report.findings import gather
from dna_deploy.report.landscape import landscape_of
from dna_deploy.report.write import write_report
from dna_deploy.search import search
from dna_deploy.spaces.catalog import SPACES
from tests.search.instances import random_ratings, random_table
from tests.spaces.chains import TRELLIS


def test_the_landscape_of_a_trellis_holds_what_may_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPACES, TRELLIS.name, "tests.spaces.chains:TRELLIS")
    space, rng = TRELLIS.with_head(), random.Random(0)
    ratings, table = random_ratings(space, rng), random_table(space, rng)
    outcome = search(space, ratings, [table])
    for name, record in (("ratings", ratings), ("table", table), ("outcome", outcome)):
        record.write(tmp_path / f"{name}.json")
    landscape = landscape_of(select(gather([tmp_path])), space, ratings, 1)
    width = space.index.choices(outcome.network(space))[0].width
    shown = {candidate.name for candidate in landscape.candidates}
    assert shown == {str(choice) for choice in space.index.candidates(1) if choice.entry == width}
    assert landscape.chosen is not None
    assert write_report([tmp_path], tmp_path / "report.html").html.stat().st_size > 10_000
