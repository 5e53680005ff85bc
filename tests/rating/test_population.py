"""DNA++: no label and no teacher anywhere, a collapse is noticed, a kill changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import CollapsedError, DivergedError, DnaDeployError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.supernets.twins import Population, centre_of, on_sphere
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import Progress
from dna_deploy.rating.raters.dna_pp.collapse import FILE_NAME
from dna_deploy.rating.raters.dna_pp.config import CollapseLimits, PopulationConfig
from dna_deploy.rating.raters.dna_pp.draws import TwoViews, draw_paths
from dna_deploy.rating.raters.dna_pp.embedding import Spread, distance, divergence
from dna_deploy.rating.raters.dna_pp.population import PopulationWork
from dna_deploy.rating.raters.dna_pp.rating import population_of, rate_all_blocks, rate_batch, rating_views
from dna_deploy.rating.raters.dna_pp.stitched import rate_chained
from dna_deploy.rating.raters.dna_pp.training import build_population, momentum_at, train_population
from dna_deploy.records.embedding_history import EmbeddingHistory
from dna_deploy.search import search
from dna_deploy.spaces.chain import ChainSpace
from tests.toy import SPACE, toy_data

CONFIG = PopulationConfig(
    epochs=2, batch=16, rating_batch=20, hidden=16, size=8, rating_ensemble=4, limits=CollapseLimits(every=2, patience=3)
)
NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(6)]


def population_work(
    space: ChainSpace, data: ImageData, config: PopulationConfig, folder: Path, compute: Compute | None = None
) -> PopulationWork:
    return PopulationWork.of("dna++", space, None, data, config, folder, compute)


def work(folder: Path, **changes: object) -> PopulationWork:
    config = PopulationConfig.model_validate({**CONFIG.model_dump(), **changes})
    return population_work(SPACE, toy_data(), config, folder, Compute(checkpoint_seconds=0))


def test_no_label_is_read_and_no_teacher_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a teacher was made")

    monkeypatch.setattr(Teacher, "__init__", refuse)
    monkeypatch.setattr("dna_deploy.nets.teachers.residual.ResidualNetwork.__init__", refuse)
    data = toy_data(is_labelled=False)
    table = rate_all_blocks(population_work(SPACE, data, CONFIG, tmp_path))
    assert (table.method, table.teacher, table.images) == ("dna++", "none", 40)
    chained = rate_chained(population_work(SPACE, data, CONFIG, tmp_path), NETWORKS)
    assert [rating.architecture for rating in chained] == NETWORKS


def test_every_candidate_is_rated_and_the_exact_search_runs_on_it(tmp_path: Path) -> None:
    table = rate_all_blocks(population_work(SPACE, toy_data(), CONFIG, tmp_path))
    table.check_space(SPACE)
    best = min(SPACE.architectures(), key=lambda network: table.of(SPACE, network))
    assert search(SPACE, table, prefer_cheaper=False).best.rating == pytest.approx(table.of(SPACE, best))
    assert all(0 <= rating <= 4 for block in table.blocks for cell in block.cells for rating in cell.ratings)
    assert all(error > 0 for block in table.blocks for cell in block.cells for error in cell.standard_errors)


def test_a_rating_is_the_distance_of_one_views_prediction_from_the_centre_of_the_other_view(tmp_path: Path) -> None:
    done = work(tmp_path)
    table, population = rate_all_blocks(population_work(SPACE, toy_data(), done.config, tmp_path)), train_population(done)
    wanted = distances_on_their_own(done, population)
    for index, block in enumerate(SPACE.blocks):
        for choice in block.candidates():
            first, second = wanted[f"{index} {choice}"]
            assert table.of_choice(SPACE, index, choice) == pytest.approx((first + second) / 2, abs=1e-5)


@torch.no_grad()
def distances_on_their_own(done: PopulationWork, population: Population) -> dict[str, list[float]]:
    """The distance of every candidate, run alone, on every batch."""
    wanted: dict[str, list[float]] = {}
    for views in rating_views(done):
        features = views
        for index, block in enumerate(SPACE.blocks):
            online, target = population.pair(index)
            paths = draw_paths(online.supernet.plan, index, 0, -1, 4)
            emitted = [member for draw in paths for member in target.train().supernet.forward_paths(features, draw)]
            centre = on_sphere(torch.stack([on_sphere(target.embed(one)) for one in emitted]).mean(0))
            for choice in block.candidates():
                predicted = population.predictors[index](online.embed(online.supernet(features[:20], *block.path_of(choice))))
                away = (on_sphere(predicted) - centre[20:]).square().sum(1).mean()
                wanted.setdefault(f"{index} {choice}", []).append(float(away))
            features = torch.stack(emitted).mean(0)
    return wanted


def test_chained_networks_are_rated_by_what_their_own_blocks_emit(tmp_path: Path) -> None:
    done = work(tmp_path)
    found, population = rate_chained(done, NETWORKS), train_population(done)
    for rating in found:
        distances = []
        for views in rating_views(done):
            x, features = views[:20], views
            with torch.no_grad():
                for index, choice in enumerate(rating.architecture.parts):
                    online, _ = population.pair(index)
                    x = online.train().supernet(x, *SPACE.index.path_of(index, choice))
                    centre, features = population_of(done, population, index, features)
                distances.append(float(distance(population.predictors[-1].train()(online.embed(x)), centre[20:])))
        assert rating.divergence == pytest.approx(sum(distances) / 2, abs=1e-5)
        assert rating.standard_error == pytest.approx(abs(distances[0] - distances[1]) / 2, abs=1e-5)


def test_the_same_seed_writes_the_same_table_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (
        rate_all_blocks(population_work(SPACE, toy_data(), CONFIG.model_copy(update={"seed": seed}), tmp_path / name))
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first.blocks == again.blocks
    assert first.blocks != other.blocks


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("events", [1, 4, 8])
def test_a_resumed_rating_ends_like_an_uninterrupted_one(tmp_path: Path, events: int) -> None:
    saving = Compute(checkpoint_seconds=0)
    whole = rate_all_blocks(population_work(SPACE, toy_data(), CONFIG, tmp_path / "whole", saving))
    heard = 0

    def kill(_: Progress) -> None:
        nonlocal heard
        heard += 1
        if heard == events:
            raise KilledError

    with pytest.raises(KilledError):
        rate_all_blocks(population_work(SPACE, toy_data(), CONFIG, tmp_path / "killed", saving), kill)
    resumed = rate_all_blocks(population_work(SPACE, toy_data(), CONFIG, tmp_path / "killed", saving))
    assert resumed.blocks == whole.blocks
    histories = [EmbeddingHistory.read(tmp_path / name / FILE_NAME).looks for name in ("whole", "killed")]
    assert histories[0] == histories[1]
    assert EmbeddingHistory.read(tmp_path / "killed" / FILE_NAME).stopped_at is None
    name = "population.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


COLLAPSING = {"targets": "joint", "divergence": 0.0, "epochs": 60, "learning_rate": 0.05}


def test_without_the_term_against_it_a_joint_population_collapses_and_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(CollapsedError, match=r"block \d: embeddings collapsed") as caught:
        train_population(work(tmp_path, **COLLAPSING))
    assert (caught.value.exit_code, isinstance(caught.value, DivergedError)) == (2, True)
    assert "divergence" in caught.value.hint
    history = EmbeddingHistory.read(tmp_path / FILE_NAME)
    assert history.stopped_at == history.looks[-1].step
    assert [look.collapsed for look in history.looks if look.block == history.looks[-1].block][-3:] == [True] * 3


@pytest.mark.slow
def test_with_the_term_the_same_population_does_not(tmp_path: Path) -> None:
    train_population(work(tmp_path, **{**COLLAPSING, "divergence": 1.0}))
    history = EmbeddingHistory.read(tmp_path / FILE_NAME)
    assert history.stopped_at is None
    assert not history.looks[-1].collapsed


def test_a_collapsed_training_collapses_again_from_its_last_good_checkpoint(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DnaDeployError, match="embeddings collapsed"):
            train_population(work(tmp_path, **COLLAPSING))


@pytest.mark.parametrize(
    ("embeddings", "deviation", "rank", "cosine"),
    [
        (torch.ones(64, 8), 0.0, 1.0, 1.0),
        (torch.eye(8).repeat(8, 1) - 1 / 8, 1.0, 7.0, 0.0),
        (torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(32, 1), 0.71, 1.0, 0.0),
    ],
)
def test_the_monitors_know_a_point_a_line_and_an_even_spread(
    embeddings: torch.Tensor, deviation: float, rank: float, cosine: float
) -> None:
    spread = Spread.of(embeddings)
    assert spread.deviation == pytest.approx(deviation, abs=0.05)
    assert spread.effective_rank == pytest.approx(rank, abs=0.05)
    assert spread.cosine == pytest.approx(cosine, abs=0.02)
    assert CollapseLimits().are_passed_by(spread, 64) == (rank < 6.4)


def test_divergence_is_small_for_an_even_spread_large_for_a_point_and_knows_no_length() -> None:
    even = torch.randn(4096, 8, generator=torch.Generator().manual_seed(0))
    assert float(divergence(even, 0.04)) < 0.05
    assert float(divergence(torch.ones(64, 8), 0.04)) == pytest.approx(0.99, abs=0.02)
    assert float(divergence(7 * even, 0.04)) == pytest.approx(float(divergence(even, 0.04)), abs=1e-5)


def test_the_target_follows_slowly_and_gets_no_gradient(tmp_path: Path) -> None:
    population = build_population(work(tmp_path))
    assert population.moving is not None
    assert not any(parameter.requires_grad for parameter in population.moving.parameters())
    weight, slow = population.online[0].projector[0].weight, population.moving[0].projector[0].weight  # type: ignore
    before = slow.clone()
    with torch.no_grad():
        weight.add_(1.0)
    population.follow(0.75)
    torch.testing.assert_close(slow, before + 0.25)
    assert [momentum_at(step, 100, 0.99) for step in (0, 100)] == pytest.approx([0.99, 1.0])


def test_draws_are_uniform_and_differ_within_a_step(tmp_path: Path) -> None:
    plan = build_population(work(tmp_path)).pair(2)[0].supernet.plan
    drawn = [draw_paths(plan, 2, 0, step, 2) for step in range(2000)]
    assert all(first[0][layer] != second[0][layer] for first, second in drawn for layer in range(2))
    for operation in range(3):
        share = sum(first[0][0] == operation for first, _ in drawn) / len(drawn)
        assert share == pytest.approx(1 / 3, abs=0.04)
    many = {paths[0] for paths in draw_paths(plan, 2, 0, 0, 60)}
    assert len(many) == 9


def test_the_centre_is_the_mean_direction_of_its_members() -> None:
    members = [torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 5.0]])]
    torch.testing.assert_close(centre_of(members), torch.tensor([[0.5**0.5, 0.5**0.5]]))


def test_two_views_differ_and_are_the_same_every_time(tmp_path: Path) -> None:
    first, again = next(rating_views(work(tmp_path))), next(rating_views(work(tmp_path)))
    assert torch.equal(first, again)
    assert not torch.equal(first[:20], first[20:])
    assert TwoViews(CONFIG.views)(torch.zeros(3, 1, 12, 12, dtype=torch.uint8), torch.Generator()).shape == (6, 1, 12, 12)


def test_too_small_ensembles_are_refused() -> None:
    with pytest.raises(UsageError, match="an ensemble of 2 paths cannot hold 3 draws"):
        PopulationConfig(draws=3)


@torch.no_grad()
def test_shared_prefixes_rate_like_every_candidate_on_its_own(tmp_path: Path) -> None:
    population = build_population(work(tmp_path))
    images = next(rating_views(work(tmp_path)))
    wanted = on_sphere(torch.randn(40, 8))
    shared = rate_batch(population, 0, images, wanted)
    online, _ = population.pair(0)
    naive = []
    for choice in SPACE.blocks[0].candidates():
        embedded = online.train().embed(online.supernet(images, *SPACE.index.path_of(0, choice)))
        naive.append(float(distance(population.predictors[0](embedded), wanted)))
    torch.testing.assert_close(shared, torch.tensor(naive).double(), atol=1e-5, rtol=0)
