"""What is spread over processes is what one process finds, and what has finished is kept as it comes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.executors.executor import Demand, find_executor
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.calibrate import train_all
from dna_deploy.progress import silent
from dna_deploy.rating.rater import BlockRater, make_rater
from dna_deploy.rating.raters.dna.shortlist import rate_sets
from dna_deploy.rating.raters.dna.work import BlockWork, block_work, sets_of
from dna_deploy.search.black_box import search_black_box
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.training.recipe import Recipe
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher

FASHION = find_chain("fashion").with_head()
TWO = Demand(jobs=2)


def weight(network: Architecture) -> float:
    """A rating without any training."""
    layers = FASHION.place(network)
    return len(layers) - sum(layer.parameters for layer in layers) / 1e6


def networks(count: int) -> list[Architecture]:
    rng = random.Random(0)
    return list(dict.fromkeys(SPACE.sample(rng) for _ in range(count)))


def work(folder: Path, compute: Compute) -> BlockWork:
    return block_work(SPACE, toy_teacher(), toy_data(), CONFIG.model_copy(update={"epochs": 1}), folder, compute)


@pytest.mark.slow
def test_a_search_in_two_processes_is_that_of_one_and_logs_the_same_ratings(tmp_path: Path) -> None:
    logs = [tmp_path / name for name in ("one.jsonl", "two.jsonl")]
    one, two = (
        search_black_box(FASHION, weight, evaluations=40, strategy="ageing", log=log, executor=executor)
        for log, executor in zip(logs, (None, find_executor("processes", TWO)), strict=True)
    )
    assert (one.best, one.front) == (two.best, two.front)
    assert sorted(logs[0].read_text().splitlines()) == sorted(logs[1].read_text().splitlines())


@pytest.mark.slow
def test_a_shortlist_in_two_processes_is_rated_as_in_one(tmp_path: Path) -> None:
    shortlist = networks(5)
    alone = rate_sets(sets_of(work(tmp_path, Compute()), 2), shortlist)
    spread = rate_sets(sets_of(work(tmp_path, Compute(jobs=2)), 2), shortlist)
    assert spread == alone


@pytest.mark.slow
def test_short_trainings_in_two_processes_reach_what_they_reach_in_one(tmp_path: Path) -> None:
    reached = []
    for name, compute in (("one", Compute()), ("two", Compute(jobs=2))):
        rater = make_rater("dna", SPACE, toy_data(), CONFIG, tmp_path / name, teacher=toy_teacher(), compute=compute)
        assert isinstance(rater, BlockRater)
        trainings = train_all(rater, networks(3), Recipe(epochs=1), tmp_path / name / "short-trainings", silent)
        reached.append([(training.architecture, training.reached) for training in trainings])
    assert reached[0] == reached[1]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("rai:local", "unknown executor 'rai'"),
        ("processes:none", "'none' is no number of processes"),
        ("processes:0", "'0' is no number of processes"),
        ("here:2", "there is no place '2' in this process"),
    ],
)
def test_a_place_that_is_none_is_refused_before_anything_runs(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Compute(on=address)


def test_this_process_does_not_run_two_tasks_at_once() -> None:
    with pytest.raises(UsageError, match="this process runs one task at a time, not 2"):
        Compute(on="here", jobs=2)
