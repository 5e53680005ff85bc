"""Every table in the repository is made again from its raw runs, byte by byte; and it keeps what this project claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.latency.fidelity import validate
from dna_deploy.latency.table import table_from_runs
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.catalog import find_chain

ROOT = Path(__file__).parents[2]
TABLES = sorted((ROOT / "latency_tables").glob("*.json"))


def runs_of(table: LatencyTable) -> list[ProfileRun]:
    found = {run.digest: run for run in map(ProfileRun.read, (ROOT / "profiles" / table.target.name / "runs").glob("*.json"))}
    return [found[digest] for digest in table.runs]


def test_there_is_a_table_for_both_spaces() -> None:
    assert {LatencyTable.read(path).space for path in TABLES} >= {"mbconv", "fashion"}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_a_committed_table_is_what_its_runs_say(path: Path) -> None:
    table = LatencyTable.read(path)
    assert table_from_runs(runs_of(table)).content() == path.read_bytes()
    table.check_space(find_chain(table.space).with_head())


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_a_committed_table_predicts_the_networks_that_were_timed_beside_it(path: Path) -> None:
    table = LatencyTable.read(path)
    judged = validate(table, runs_of(table)[-1], find_chain(table.space).with_head()).calibrated
    assert judged.networks == 40
    limit, share = (0.03, 0.90) if table.space == "fashion" else (0.02, 0.95)
    assert judged.mean_absolute_error <= limit
    assert judged.within_5_percent >= share
