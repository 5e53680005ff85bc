"""BossNAS: what a path learns, what it is rated against, what a block stands behind; and no label, no luck of kills in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dna_deploy.data.batches import Batch
from dna_deploy.errors import CollapsedError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.phase import StepView
from dna_deploy.progress import Progress
from dna_deploy.rating.raters.boss.config import BossConfig
from dna_deploy.rating.raters.boss.rater import Boss
from dna_deploy.rating.raters.boss.rating import rate_batch, rate_in_order
from dna_deploy.rating.raters.boss.training import (
    BestPath,
    BootstrappedBlock,
    Bootstrapping,
    BossWork,
    ViewsOfPaths,
    features_behind,
)
from dna_deploy.rating.raters.dna_pp.collapse import FILE_NAME, CollapseWatch
from dna_deploy.rating.raters.dna_pp.config import CollapseLimits
from dna_deploy.rating.raters.dna_pp.draws import draw_paths
from dna_deploy.records.embedding_history import EmbeddingHistory
from dna_deploy.search import search
from tests.toy import SPACE, toy_data

CONFIG = BossConfig(
    epochs=1, batch=16, ensemble=2, rating_batch=20, hidden=16, size=8, limits=CollapseLimits(every=2, patience=3)
)


def work(folder: Path, *, is_labelled: bool = True, **changes: object) -> BossWork:
    config = BossConfig.model_validate({**CONFIG.model_dump(), **changes})
    data = toy_data(is_labelled=is_labelled)
    return BossWork.of("boss", SPACE, None, data, config, folder, Compute(checkpoint_seconds=0))


@pytest.fixture
def block(tmp_path: Path) -> Iterator[BootstrappedBlock]:
    """The second block, whose online half is not its target."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = BootstrappedBlock(work(tmp_path), 1).train()
        for parameter in made.online.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        yield made


def test_a_path_learns_from_the_mean_of_all_paths_on_the_other_view_of_its_own_images(
    tmp_path: Path, block: BootstrappedBlock
) -> None:
    done, data = work(tmp_path), toy_data()
    features = torch.randn(2 * 2 * 16, 8, 6, 6)  # two paths, two views each
    paths = draw_paths(block.online.supernet.plan, 1, 0, 0, 2)
    objective = Bootstrapping(block, 1, 4, CollapseWatch.resume(done, 4, ()))
    batch = Batch(torch.empty(0), torch.arange(16), data.train)
    loss = objective.loss(StepView(0, paths, block, batch, features))
    members = [(block.target, block.online, pair, path) for pair, path in zip(features.chunk(2), paths, strict=True)]
    seen = [target.embed(member) for target, _, pair, path in members for member in target.members(pair, [path])]
    mean = torch.stack([F.normalize(each, dim=1) for each in seen]).mean(0)
    first, second = mean.chunk(2)
    losses = []
    for _, online, pair, path in members:
        for member in online.members(pair, [path]):
            own_first, own_second = block.predictor(online.embed(member)).chunk(2)
            apart = [F.cosine_similarity(own_first, second), F.cosine_similarity(own_second, first)]
            losses.append((2 - 2 * torch.cat(apart)).mean())
    assert len(losses) == 2 * len(SPACE.blocks[1].cells)
    assert float(loss.detach()) == pytest.approx(float(torch.stack(losses).mean().detach()), abs=1e-5)
    loss.backward()
    assert all(parameter.grad is None for parameter in block.target.parameters())


def test_every_path_has_views_of_its_own() -> None:
    views = ViewsOfPaths(CONFIG.views, 3)(toy_data().train.images(torch.arange(4)), torch.Generator().manual_seed(0))
    assert len(views) == 2 * 3 * 4
    assert all(not torch.equal(one, another) for one, another in pairwise(views.chunk(6)))


@torch.no_grad()
def test_candidates_are_rated_by_their_distance_from_the_mean_of_all_of_them(block: BootstrappedBlock) -> None:
    views = torch.randn(2 * 10, 8, 6, 6)
    choices = list(SPACE.blocks[1].candidates())
    paths = [SPACE.blocks[1].path_of(choice) for choice in choices]
    seen = [F.normalize(block.target.embed(block.target.supernet(views, *path)), dim=1) for path in paths]
    others = torch.stack(seen).mean(0).roll(10, 0)
    predictions = [block.predictor(block.online.embed(block.online.supernet(views, *path))) for path in paths]
    expected = [float((2 - 2 * F.cosine_similarity(prediction, others)).mean()) for prediction in predictions]
    assert rate_batch(block, views).tolist() == pytest.approx(expected, abs=1e-5)


def test_a_block_stands_behind_the_best_candidates_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes: list[list[str]] = []

    def watch(prefix: list[BestPath], images: torch.Tensor) -> torch.Tensor:
        prefixes.append([str(SPACE.blocks[index].choice(best.cell, best.path)) for index, best in enumerate(prefix)])
        return features_behind(prefix, images)

    monkeypatch.setattr("dna_deploy.rating.raters.boss.training.features_behind", watch)
    table = rate_in_order(work(tmp_path))
    best = [
        min(block.candidates(), key=lambda choice: table.of_choice(SPACE, index, choice))
        for index, block in enumerate(SPACE.blocks)
    ]
    assert [len(prefix) for prefix in prefixes] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert all(prefix == [str(choice) for choice in best[: len(prefix)]] for prefix in prefixes)


def test_ratings_are_the_same_where_no_label_can_be_read_and_search_is_exact_on_them(tmp_path: Path) -> None:
    table = rate_in_order(work(tmp_path / "labelled"))
    assert rate_in_order(work(tmp_path / "unlabelled", is_labelled=False)).blocks == table.blocks
    best = search(SPACE, table, prefer_cheaper=False).best
    assert best.rating == pytest.approx(sum(min(block.ratings) for block in table.blocks))
    (score,) = Boss(work(tmp_path / "labelled")).score([SPACE.parse(best.architecture)])
    assert score.value == pytest.approx(best.rating)


@pytest.mark.parametrize("events", [4, 9])
def test_a_killed_rating_ends_like_an_uninterrupted_one(tmp_path: Path, events: int) -> None:
    class KilledError(Exception):
        pass

    left = events

    def kill(_: Progress) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KilledError

    with pytest.raises(KilledError):
        rate_in_order(work(tmp_path / "killed"), kill)
    resumed, whole = rate_in_order(work(tmp_path / "killed")), rate_in_order(work(tmp_path / "whole"))
    assert resumed.blocks == whole.blocks
    looks = [EmbeddingHistory.read(tmp_path / name / FILE_NAME).looks for name in ("killed", "whole")]
    assert looks[0] == looks[1]
    assert {look.block for look in looks[0]} == {1, 2, 3}


def test_embeddings_that_tell_no_images_apart_stop_the_training(tmp_path: Path) -> None:
    limits = {"deviation": 9.0, "every": 1, "patience": 2, "grace": 0.0}  # no embedding spreads so far
    with pytest.raises(CollapsedError, match="block 1: embeddings collapsed") as caught:
        rate_in_order(work(tmp_path, limits=limits))
    assert "more paths" in caught.value.hint
    assert EmbeddingHistory.read(tmp_path / FILE_NAME).stopped_at == 2
