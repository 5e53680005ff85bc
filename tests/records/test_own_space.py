"""A space of an own model is data: read without torch, searched as exactly as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.own_space import write_own_space
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.placed import PlacedLayer
from tests.records.own_model import own_space


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_a_written_space_is_found_by_its_file_and_by_its_name_anywhere_on_this_machine(tmp_path: Path) -> None:
    path = write_own_space(own_space(), tmp_path / "elsewhere")
    assert find_space(str(path)).digest == find_space(own_space().name).digest == own_space().space.digest


def test_equal_units_share_a_row_and_every_row_can_be_read_from_its_key() -> None:
    space = own_space().space
    rows = space.rows()
    assert space.size() == 3 * 3 * 2
    assert len(rows) == 1 + 3 + 2  # the rest, the first two units together, the third
    assert tuple(PlacedLayer.parse(layer.key) for layer in rows) == rows


def test_a_unit_receives_its_own_input_whatever_stands_before_it() -> None:
    space = own_space(second="32x28x28").space
    last = space.place(space.parse("16:keep/16:skip/64:width50"))[-1]
    assert (str(last.input), str(last.output), last.macs) == ("32x28x28", "64x28x28", 150)


def test_another_candidate_makes_another_space() -> None:
    assert own_space().name != own_space(second="16x28x28").name


def test_a_space_that_is_nowhere_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'own-000000000000' is not here"):
        find_space("own-000000000000")
    path = write_own_space(own_space(), tmp_path)
    path.write_text(path.read_text().replace("my_net", "thy_net"))
    with pytest.raises(TableError, match="does not match its own digest"):
        find_space(str(path))
