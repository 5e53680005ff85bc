"""Fine-tuning: the learning rate is chosen in a trial, and without labels nobody looks at one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
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
