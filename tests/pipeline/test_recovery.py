"""Fine-tuning: the learning rate is chosen in a trial, and without labels nobody looks at one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, Split, divide
from dna_deploy.fit.imitation import imitating
from dna_deploy.fit.settling import Reference, settled
from dna_deploy.fit.units import find_units
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.pipeline.fit import recovery
from dna_deploy.pipeline.fit.recovery import Answered, Recovery, recovered
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.training.recipe import Recipe
from tests.fit.made import TinyResNet


class _Unlabelled(StoredImages):
    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        raise AssertionError("somebody looked at a label")


def _data(kind: type[StoredImages] = StoredImages) -> ImageData:
    rng = np.random.default_rng(0)
    images = kind(rng.integers(0, 256, (96, 3, 16, 16), dtype=np.uint8), rng.integers(0, 4, 96))
    dataset = Dataset(
        name="noise", digest="sha256:0", shape=FeatureMap(3, 16, 16), classes=tuple("abcd"),
        normalisation=Normalisation((0.5,) * 3, (0.25,) * 3), training=images, test=images,
    )  # fmt: skip
    return divide(dataset, DataConfig(dataset="noise", rating_images=8, validation_images=16, train_images=64))


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_learning_rate_that_is_better_in_a_trial_of_one_epoch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    recipes = list[Recipe]()

    def fit(network: TinyResNet, _data: object, recipe: Recipe, *_others: Any, **_rest: Any) -> SimpleNamespace:
        recipes.append(recipe)
        with torch.no_grad():
            network.head.bias.fill_(recipe.learning_rate)
        return SimpleNamespace(metrics=(SimpleNamespace(merit={0.1: 0.5, 0.2: 0.7, 0.3: 0.6}[recipe.learning_rate]),))

    monkeypatch.setattr(recovery, "fit", fit)
    plan = Recovery(Recipe(epochs=epochs), (0.1, 0.2, 0.3))
    tuned = recovered(TinyResNet(), TinyResNet(), _data(), plan, tmp_path)
    assert torch.equal(tuned.head.bias, torch.full((4,), 0.2))
    tried = [(recipe.epochs, recipe.learning_rate) for recipe in recipes]
    assert tried == [(1, 0.1), (1, 0.2), (1, 0.3), *([(3, 0.2)] if epochs > 1 else [])]


def test_a_network_of_the_originals_units_may_learn_its_features_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = list[tuple[int, int]]()

    def fit(network: TinyResNet, _data: object, recipe: Recipe, *_others: Any, besides: Any, **_rest: Any) -> SimpleNamespace:
        ways.append((recipe.epochs, len(besides)))
        return SimpleNamespace(metrics=(SimpleNamespace(merit=float(len(besides))),))

    monkeypatch.setattr(recovery, "fit", fit)
    original = TinyResNet()
    units = find_units(original, FeatureMap(3, 16, 16)).network
    recovered(TinyResNet(), original, _data(), Recovery(Recipe(epochs=2)), tmp_path, units=units)
    assert ways == [(1, 0), (1, 0), (1, 1), (2, 1)]


def test_what_learns_features_has_them_more_nearly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = _data()
    original, batches = TinyResNet().eval().requires_grad_(False), recovery.batches_of(data.train, data)
    estimate_statistics(original, batches)
    units = find_units(original, FeatureMap(3, 16, 16)).network
    network = settled(units, {"layer1.1": nn.Identity()}, Reference(units, batches))
    images = torch.cat(recovery.batches_of(data.test, data))

    def error(changed: nn.Module) -> float:
        with imitating(units, changed) as imitation, torch.no_grad():
            changed.eval()(images), original(images)
            loss: Any = None
            return float(imitation.loss(loss))

    recipe = Recipe(epochs=6, batch=16, teacher_weight=1.0)
    answers, features = (
        recovered(network, original, data, plan, tmp_path, units=units)
        for plan in (Recovery(recipe, (3e-3,), ()), Recovery(recipe, (), (3e-3,)))
    )
    assert error(units.replaced({})) == 0
    assert error(features) < 0.9 * error(answers)
    assert not any(module._forward_hooks for changed in (features, original) for module in changed.modules())


def test_an_image_that_is_left_over_alone_gathers_no_statistics() -> None:
    data = _data()
    train = Split(data.train.source, torch.arange(recovery.BATCH + 1))
    assert [len(batch) for batch in recovery.batches_of(train, data)] == [recovery.BATCH, 1]
    assert [len(batch) for batch in recovery.fitting_batches(train, data, 100)] == [recovery.BATCH]


def test_without_labels_a_network_learns_the_answers_and_nobody_looks_at_a_label(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original, other = TinyResNet().eval(), TinyResNet().eval()
    data = _data(_Unlabelled)
    plan = Recovery.of(1, has_labels=False)
    tuned = recovered(other, original, data, plan, tmp_path)
    answered = Answered.by(original, data.validation, data)
    labels = answered.labels(torch.arange(len(answered)))
    images = torch.cat(recovery.batches_of(data.validation, data))
    assert torch.equal(labels, original(images).argmax(1))
    assert not torch.equal(tuned.head.weight, other.head.weight)
