"""Records name their space and, apart from it, the head of its networks; files from before that tell both."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.files import Record, _body_digest
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint, search
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.heads import describe_head, parse_head
from tests.records.collect_samples import SAMPLES
from tests.search.instances import random_ratings, random_table

FASHION = find_chain("fashion").with_head()


def headed(classes: int) -> HeadedSpace:
    return FASHION.with_head(FASHION.head_for(classes))


def before_heads(kind: type[Record], space_digest: str) -> bytes:
    """The sample of version 1, about the space `fashion` with the digest that it had for some classes."""
    body: dict[str, Any] = json.loads((SAMPLES / "v1" / f"{kind.KIND}.json").read_text())
    del body["digest"]
    body |= {"space": "fashion", "space_digest": space_digest}
    return json.dumps({"digest": _body_digest(body), **body}).encode()


@pytest.mark.parametrize("classes", [1, 3, 10, 1000])
def test_a_space_has_one_digest_for_all_heads(classes: int) -> None:
    networks, rng = headed(classes), random.Random(0)
    table = random_table(networks, rng, "device")
    outcome = search(networks, random_ratings(networks, rng), [table], [Constraint.parse("latency", "10s", "p50")])
    for record in (table, outcome):
        assert record.space_digest == FASHION.digest
        assert record.find_networks() == networks
    assert networks.out_channels == classes


@pytest.mark.parametrize("classes", [1, 3, 10, 1000])
@pytest.mark.parametrize("kind", [LatencyTable, ProfileRun, SearchOutcome])
def test_a_file_of_version_1_tells_its_space_and_its_classes_by_one_digest(
    kind: type[LatencyTable | ProfileRun | SearchOutcome], classes: int
) -> None:
    record = kind.parse(before_heads(kind, headed(classes).identity), "a file")
    assert record.find_networks() == headed(classes)


def test_identities_of_before_are_still_what_they_were() -> None:
    """They name folders of unfinished work, so that an update goes on there."""
    assert headed(10).identity == FASHION.digest == "sha256:1da02f972bc6fc4d753a5c3e69ca2196ba9cc42ae2fd1147e64e7b7c54911bd4"
    assert headed(3).identity == "sha256:402f313ae2909dad9dd74ac77c61528868d49e4997bced565e125a7291d9d318"


def test_ratings_of_version_1_hold_for_every_head_and_for_no_other_space() -> None:
    ratings = RatingTable.parse(before_heads(RatingTable, headed(3).identity), "a file")
    assert ratings.is_of(headed(4))
    assert ratings.is_of(FASHION)
    assert not ratings.is_of(FASHION.with_resolution(32))


def test_a_file_of_version_1_about_an_unknown_space_says_so_when_it_is_used() -> None:
    table = LatencyTable.parse(before_heads(LatencyTable, "sha256:0"), "a file")
    with pytest.raises(TableError, match="not the one known here"):
        table.find_networks()
    with pytest.raises(UsageError, match="unknown space 'elsewhere'"):
        table.model_copy(update={"space": "elsewhere"}).find_networks()


def test_a_table_for_another_head_is_refused_with_both() -> None:
    table = random_table(headed(3), random.Random(0), "device")
    with pytest.raises(TableError, match=r"networks with head\(.*\)->3/1, not with head\(.*\)->10/1"):
        table.check_space(headed(10))


def test_a_head_is_read_back_from_its_text() -> None:
    head = (*FASHION.stem, *FASHION.usual_head)
    assert parse_head(describe_head(head)) == head
    with pytest.raises(UsageError, match="cannot read the head 'nonsense'"):
        parse_head("nonsense")
