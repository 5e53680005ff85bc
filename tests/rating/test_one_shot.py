"""The one-shot baseline: paths are plain networks, statistics are a path's own, a kill changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from dna_deploy.data.batches import in_order
from dna_deploy.errors import DivergedError, TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.samplers.uniform import UniformNetworks
from dna_deploy.nets.layers import build_layer
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import AdditiveRater, Rater, open_rater
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import OneShotWork, build_one_shot, one_shot_work, train_one_shot
from tests.toy import SPACE, toy_data

CONFIG = OneShotConfig(epochs=3, batch=16, rating_batch=20, calibration_images=32)
NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(4)]


def work(folder: Path, **changes: object) -> OneShotWork:
    return one_shot_work(SPACE, toy_data(), CONFIG.model_copy(update=changes), folder, Compute(checkpoint_seconds=0))


@pytest.mark.parametrize("share_depths", [True, False])
def test_a_path_is_the_plain_network(tmp_path: Path, share_depths: bool) -> None:
    supernet = build_one_shot(work(tmp_path, share_depths=share_depths))
    images = torch.randn(4, 1, 12, 12)
    for network in NETWORKS:
        path = supernet.path(network)
        alone = torch.nn.Sequential(*map(build_layer, SPACE.place(network)))
        alone.load_state_dict(path.state_dict())  # the same layers, to the last name and shape
        torch.testing.assert_close(alone.eval()(images), path.eval()(images))


def test_cells_of_one_width_share_layers_only_if_asked(tmp_path: Path) -> None:
    short, long = SPACE.parse("8:k3e1/12:p1/16:p1,p1"), SPACE.parse("8:k3e1,p1/12:p1/16:p1,p1")
    for share_depths in (True, False):
        supernet = build_one_shot(work(tmp_path, share_depths=share_depths))
        assert (supernet.path(short)[1] is supernet.path(long)[1]) == share_depths


def test_every_layer_is_on_a_path(tmp_path: Path) -> None:
    supernet = build_one_shot(work(tmp_path))
    on_paths = {id(module) for network in SPACE.architectures() for module in supernet.path(network)}
    layers = [*supernet.stem, *(one for of in supernet.choices.values() for one in of)]  # type: ignore[attr-defined]
    assert {id(layer) for layer in layers} <= on_paths


def test_cells_and_operations_are_drawn_alike() -> None:
    drawn = [UniformNetworks(SPACE, 0).draw(step) for step in range(3000)]
    assert drawn[:5] == [UniformNetworks(SPACE, 0).draw(step) for step in range(5)]
    depths = [len(network.parts[1].split(",")) for network in drawn]
    assert abs(depths.count(1) / len(depths) - 1 / 2) < 0.05
    firsts = [SPACE.index.choices(network)[2].operations[0].code for network in drawn]
    assert all(abs(firsts.count(code) / len(firsts) - 1 / 3) < 0.05 for code in set(firsts))


def test_layers_off_the_path_stay_bit_identical(tmp_path: Path) -> None:
    one_step = work(tmp_path, epochs=1, batch=48)
    before, after = build_one_shot(one_step), train_one_shot(one_step)
    on_path = {id(module) for module in after.path(UniformNetworks(SPACE, 0).draw(0))}
    for was, now in zip(before.choices.values(), after.choices.values(), strict=True):
        for old, new in zip(was, now, strict=True):  # type: ignore[call-overload]
            same = all(torch.equal(old.state_dict()[name], value) for name, value in new.state_dict().items())
            assert same == (id(new) not in on_path)


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("events", [1, 4, 8])
def test_a_resumed_training_ends_bit_for_bit_like_an_uninterrupted_one(tmp_path: Path, events: int) -> None:
    train_one_shot(work(tmp_path / "whole"))
    heard = 0

    def kill(_: Progress) -> None:
        nonlocal heard
        heard += 1
        if heard == events:
            raise KilledError

    with pytest.raises(KilledError):
        train_one_shot(work(tmp_path / "killed"), kill)
    train_one_shot(work(tmp_path / "killed"))
    name = "one-shot.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_ratings_are_accuracy_and_loss_under_the_paths_own_statistics(tmp_path: Path) -> None:
    done = work(tmp_path)
    ratings = OneShot(done).score(NETWORKS)
    supernet = train_one_shot(done)
    rating_images = next(in_order(done.data.rating, done.data, 40))
    batches = [batch.inputs for batch in in_order(done.data.train, done.data, 16)][:2]
    for network, rating in zip(NETWORKS, ratings, strict=True):
        path = supernet.path(network).train()
        norms = [module for module in path.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        with torch.no_grad():
            for images in batches:
                path(images)
            scores = path.eval()(rating_images.inputs)
        right = (scores.argmax(1) == rating_images.labels()).double()
        assert rating.value == pytest.approx(float(right.mean()))
        assert rating.standard_error == pytest.approx(float(right.std()) / 40**0.5)
        losses = torch.nn.functional.cross_entropy(scores, rating_images.labels(), reduction="none")
        assert rating.further[0].value == pytest.approx(float(losses.mean()), rel=1e-4)


def test_a_rating_does_not_depend_on_what_was_rated_before(tmp_path: Path) -> None:
    rater = OneShot(work(tmp_path))
    first = rater.score(NETWORKS)
    assert rater.score(NETWORKS[::-1]) == first[::-1]
    assert first[0].cost == 1 - first[0].value


def test_training_learns(tmp_path: Path) -> None:
    done = one_shot_work(SPACE, toy_data(), CONFIG.model_copy(update={"epochs": 40, "learning_rate": 0.02}), tmp_path)
    ratings = OneShot(done).score(NETWORKS)
    assert min(rating.value for rating in ratings) > 0.6  # three classes of different brightness


def test_a_diverged_training_is_stopped_and_named(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"one-shot supernet: (the loss became nan|a weight is no longer a number)"):
        train_one_shot(work(tmp_path, learning_rate=1e30, epochs=10))


def test_a_folder_of_other_inputs_is_refused(tmp_path: Path) -> None:
    train_one_shot(work(tmp_path))
    with pytest.raises(UsageError, match="made from other settings"):
        train_one_shot(work(tmp_path, seed=1))


def test_a_folder_says_which_rater_it_is_of_and_what_that_does_not_offer(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot read rating-run"):
        open_rater(tmp_path, Rater)
    train_one_shot(work(tmp_path))
    with pytest.raises(TableError, match="holds what one-shot trained, which gives no rating table"):
        open_rater(tmp_path, AdditiveRater)


def test_the_head_gets_the_classes_of_the_images(tmp_path: Path) -> None:
    other = one_shot_work(SPACE.with_head(SPACE.head_for(7)), toy_data(), CONFIG, tmp_path)
    assert other.space == SPACE
