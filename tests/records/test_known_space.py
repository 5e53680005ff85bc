"""Records tell the number of classes of their space, and the digest proves it."""

from __future__ import annotations

import random

import pytest

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.known_space import known_space
from dna_deploy.records.profile_run import ProbeSamples
from dna_deploy.records.samples import Samples
from dna_deploy.search import Constraint, search
from dna_deploy.spaces.catalog import find_space
from tests.records.made import small_run
from tests.search.instances import random_ratings, random_table

FASHION = find_space("fashion")


@pytest.mark.parametrize("classes", [1, 3, 10, 1000])
def test_a_table_a_run_and_an_outcome_name_the_space_with_its_classes(classes: int) -> None:
    space, rng = FASHION.with_classes(classes), random.Random(0)
    table = random_table(space, rng, "device")
    outcome = search(space, random_ratings(space, rng), [table], [Constraint.parse("latency", "10s", "p50")])
    samples = Samples(visits_ns=((10, 11),))
    probes = tuple(ProbeSamples(role="layer", key=layer.key, samples=samples) for layer in space.rows())
    run = small_run().model_copy(update={"space": "fashion", "space_digest": space.digest, "probes": probes})
    for record in (table, outcome, run):
        assert known_space(record) == space


def test_ratings_hold_for_every_number_of_classes_and_for_no_other_space() -> None:
    ratings = random_ratings(FASHION, random.Random(0))
    assert ratings.holds_for(FASHION.with_classes(3))
    assert not ratings.holds_for(FASHION.with_resolution(32))
    assert not random_ratings(FASHION.with_classes(3), random.Random(0)).holds_for(FASHION.with_classes(4))


def test_a_space_that_changed_or_is_not_installed_is_an_error() -> None:
    table = random_table(FASHION, random.Random(0), "device")
    with pytest.raises(TableError, match="not the one known here"):
        known_space(table.model_copy(update={"space_digest": "sha256:0"}))
    with pytest.raises(UsageError, match="unknown space 'elsewhere'"):
        known_space(table.model_copy(update={"space": "elsewhere"}))
