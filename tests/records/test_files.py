"""Record files: atomic, digested, and clear about what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import os
import random
from pathlib import Path

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.files import Provenance, write_atomically
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.catalog import find_chain


def small_table() -> RatingTable:
    return RatingTable(
        provenance=Provenance.now(), space="s", space_digest="sha256:0", method="dna", teacher="t", dataset="d", images=1,
        blocks=(BlockRatings(cells=(CellRatings(width=8, depth=1, ratings=(0.5, 0.25), standard_errors=(0.0, 0.1)),)),),
    )  # fmt: skip


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    table = small_table()
    table.write(tmp_path / "deep" / "table.json")
    assert RatingTable.read(tmp_path / "deep" / "table.json") == table
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["table.json"]


def test_a_hand_edited_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(small_table().content().replace(b"0.25", b"0.20"))
    with pytest.raises(TableError, match="does not match its own digest"):
        RatingTable.read(path)


def test_a_newer_schema_and_another_kind_are_named(tmp_path: Path) -> None:
    body = json.loads(small_table().content())
    with pytest.raises(TableError, match="schema version 99"):
        RatingTable.parse(json.dumps({**body, "schema_version": 99}).encode(), "x")
    with pytest.raises(TableError, match="'latency-table', not a 'rating-table'"):
        RatingTable.parse(json.dumps({**body, "kind": "latency-table"}).encode(), "x")
    with pytest.raises(TableError, match="x is no file of dna-deploy, not a 'rating-table'"):
        RatingTable.parse(b'{"a": 1}', "x")


def test_mutated_records_never_crash_and_never_pass_changed() -> None:
    content, rng = small_table().content(), random.Random(0)
    table = RatingTable.parse(content, "x")
    for _ in range(3000):
        mutated = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            position = rng.randrange(len(mutated))
            match rng.randrange(3):
                case 0:
                    mutated[position] = rng.randrange(256)
                case 1:
                    del mutated[position : position + rng.randint(1, 40)]
                case _:
                    mutated[position:position] = bytes([rng.randrange(256)])
        with contextlib.suppress(TableError):
            assert RatingTable.parse(bytes(mutated), "x") == table


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.json"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_ratings_of_another_space_are_refused() -> None:
    with pytest.raises(TableError, match="not 'fashion'"):
        small_table().check_space(find_chain("fashion").with_head())
