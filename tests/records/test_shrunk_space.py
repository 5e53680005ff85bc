"""A shrunk space is data: found by its file or name, with the rows of the latency table that it needs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.changed_space import ShrunkSpace
from dna_deploy.spaces.catalog import find_chain, find_space
from dna_deploy.spaces.options import Option
from tests.search.instances import random_table
from tests.spaces.chains import FASHION

DROPPED = (Option(0, "24x3"), Option(1, "40x2", 0, "k3e1"), Option(1, "32x2"), Option(1, "32x3"))
RECORD = ShrunkSpace.of(find_chain("fashion"), "angle", DROPPED)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_it_is_found_by_its_file_and_then_by_its_name(tmp_path: Path) -> None:
    RECORD.write(tmp_path / "small.space.json")
    with pytest.raises(UsageError, match=f"'{RECORD.name}' is not here"):
        find_space(RECORD.name)
    small = find_space(str(tmp_path / "small.space.json"))
    assert small.name == RECORD.name
    assert find_space(RECORD.name).digest == small.digest != find_chain("fashion").digest


def test_it_lacks_what_was_dropped_and_nothing_else() -> None:
    small = RECORD.chain
    lost = {line for line in map(str, FASHION.index.candidates(1)) if line.startswith("40:k3e1,") and line.count(",") == 1}
    lost |= {line for line in map(str, FASHION.index.candidates(1)) if line.startswith("32:")}
    assert set(map(str, FASHION.index.candidates(1))) - set(map(str, small.index.candidates(1))) == lost
    assert len(small.blocks[0].cells) == 2
    for seed in range(5):
        FASHION.check(small.sample(random.Random(seed)))


def test_the_table_of_the_whole_space_predicts_the_same_for_what_is_left() -> None:
    table, small = random_table(FASHION, random.Random(0)), RECORD.chain.with_head()
    restricted = RECORD.restricted(table)
    assert restricted is not None
    restricted.check_space(small)
    assert len(restricted.rows) == len(small.rows()) < len(table.rows)
    network = small.sample(random.Random(1))
    assert restricted.predict(small, network) == table.predict(FASHION, network)


def test_options_that_the_space_does_not_have_are_refused() -> None:
    with pytest.raises(TableError, match="'fashion' has no option block 1: 99x9"):
        _ = RECORD.model_copy(update={"dropped": ("block 1: 99x9",)}).chain
    nothing = tuple(f"block 1: 24x{depth}" for depth in (1, 2, 3))
    with pytest.raises(TableError, match="nothing is left of 'fashion'"):
        _ = RECORD.model_copy(update={"dropped": nothing}).chain


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.space.json"
    RECORD.write(path)
    path.write_text(path.read_text().replace("24x3", "24x2"))
    with pytest.raises(TableError, match="does not match its own digest"):
        find_space(str(path))
    path.write_text(json.dumps([1]))
    with pytest.raises(TableError, match="is not a record"):
        find_space(str(path))
