"""Spaces that are no chains: profiled, searched and written down like any other, and refused where only chains will do."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest

from dna_deploy.contracts import SpaceContract
from dna_deploy.errors import InfeasibleError, TableError, UsageError
from dna_deploy.records.latency_table import AbsentRow, LatencyTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, search_black_box
from dna_deploy.search.example import TABLE
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain, find_space
from dna_deploy.spaces.space import SearchSpace
from tests.spaces.tied import TiedSpace

SPACE = TiedSpace()


def latency_table() -> LatencyTable:
    """A millisecond for ten thousand multiply-accumulates."""
    rows = [TABLE.rows[0].model_copy(update={"layer": row.key, "latency_s": row.macs / 1e7}) for row in SPACE.rows()]
    about = {"space": SPACE.name, "space_digest": SPACE.digest, "head": "", "rows": tuple(rows)}
    return TABLE.model_copy(update=about)


def rate(architecture: Architecture) -> float:
    """Wants few parameters in all and many in the second layer: no sum over layers."""
    layers = SPACE.place(architecture)
    return sum(layer.parameters for layer in layers) / layers[2].parameters


class TestTiedSpace(SpaceContract):
    name = "tied"

    @cached_property
    def space(self) -> SearchSpace:
        return SPACE


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [None, "ageing", "random"])
def test_any_space_is_searched_by_ratings_of_whole_networks(strategy: str | None, tmp_path: Path) -> None:
    table, budget = latency_table(), Constraint.parse("latency", "3ms..6ms")
    outcome = search_black_box(SPACE, rate, [table], [budget], evaluations=60, strategy=strategy)
    fitting = [network for network in SPACE.networks() if 3e-3 <= table.predict(SPACE, network).seconds <= 6e-3]
    best = min(map(rate, fitting))
    assert 5 < len(fitting) <= 60 < SPACE.size()
    assert outcome.best.rating == best
    assert rate(SPACE.parse(outcome.best.architecture)) == best
    assert outcome.best.targets[0].latency_s == pytest.approx(table.predict(SPACE, outcome.network(SPACE)).seconds)
    assert outcome.proof.gap is None
    assert outcome.proof.networks == SPACE.size()
    outcome.write(tmp_path / "outcome.json")
    assert SearchOutcome.read(tmp_path / "outcome.json").network(SPACE) == outcome.network(SPACE)


def test_the_same_log_goes_on_where_a_search_stopped(tmp_path: Path) -> None:
    rated: list[Architecture] = []

    def rate_once(architecture: Architecture) -> float:
        assert architecture not in rated
        rated.append(architecture)
        return rate(architecture)

    first, second = (
        search_black_box(SPACE, rate_once, [latency_table()], evaluations=count, log=tmp_path / "log.jsonl")
        for count in (35, 50)
    )
    assert len(rated) == 50
    assert second.best.rating <= first.best.rating


def test_a_budget_that_nothing_keeps_names_the_nearest_network() -> None:
    with pytest.raises(InfeasibleError) as caught:
        search_black_box(SPACE, rate, [latency_table()], [Constraint.parse("latency", "100us")])
    fastest = min(SPACE.networks(), key=lambda network: latency_table().predict(SPACE, network).seconds)
    assert str(fastest) in caught.value.hint


def test_networks_with_a_layer_that_does_not_run_are_not_proposed() -> None:
    table = latency_table()
    rows = tuple(row for row in table.rows if not row.layer.startswith("pointwise"))
    seen: list[str] = []

    def rate_it(architecture: Architecture) -> float:
        seen.append(str(architecture))
        return rate(architecture)

    absent = tuple(AbsentRow(layer=row.layer, reason="crashed") for row in table.rows if row not in rows)
    search_black_box(SPACE, rate_it, [table.model_copy(update={"rows": rows, "absent": absent})], evaluations=20)
    assert len(seen) == 20
    assert not any("p1" in line for line in seen)


def test_a_strategy_that_crosses_networks_needs_a_chain() -> None:
    pytest.importorskip("pymoo")
    with pytest.raises(UsageError, match="only those of a chain"):
        search_black_box(SPACE, rate, strategy="evolution")


def test_a_table_of_another_space_is_refused() -> None:
    with pytest.raises(TableError):
        search_black_box(SPACE, rate, [TABLE])


def test_only_chains_have_block_ratings_and_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dna_deploy.spaces.catalog.SPACES", {"tied": "tests.spaces.test_other_kinds:SPACE"})
    assert find_space("tied") is SPACE
    with pytest.raises(UsageError, match="'tied' is no chain of blocks") as caught:
        find_chain("tied").with_head()
    assert "dna-deploy search with" in caught.value.hint
    with pytest.raises(UsageError, match="'tied' is no chain"):
        find_space("tied@24")
