"""The angle of a network: of all its weights as one vector, against those that the seed drew."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dna_deploy.rating.rater import make_rater
from dna_deploy.rating.raters.angle.config import AngleConfig
from dna_deploy.rating.raters.angle.rater import angle_between
from tests.toy import SPACE, toy_data

SMALL: dict[str, Any] = {"epochs": 1, "batch": 16, "rating_batch": 20, "calibration_images": 32}


def network(*values: float) -> nn.Sequential:
    """A convolution with one weight and a linear map with another, and a batch norm between them."""
    layers = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Linear(1, 1))
    for layer, value in zip((layers[0], layers[2], layers[1]), values, strict=True):
        nn.init.constant_(layer.weight, value)  # type: ignore[arg-type]
    return layers


def test_the_angle_is_of_all_weights_together_without_batch_norms() -> None:
    assert angle_between(network(1, 0, 1), network(0, 5, 1)) == pytest.approx(math.pi / 2)
    assert angle_between(network(1, 1, 1), network(1, 0, -9)) == pytest.approx(math.pi / 4)
    assert angle_between(network(1, 1, 1), network(3, 3, 7)) == pytest.approx(0, abs=1e-7)
    assert angle_between(network(1, 1, 1), network(-1, -1, 1)) == pytest.approx(math.pi)


def test_a_rating_is_the_angle_to_the_true_beginning(tmp_path: Path) -> None:
    networks = [SPACE.sample(random.Random(seed)) for seed in range(4)]
    rater = make_rater("angle", SPACE, toy_data(), AngleConfig(**SMALL), tmp_path)
    scores = rater.score(networks)
    assert all(0 < score.value < math.pi / 2 for score in scores)
    assert len({score.value for score in scores}) == 4
    again = make_rater("angle", SPACE, toy_data(), AngleConfig(**SMALL), tmp_path).score(networks[::-1])
    assert again == scores[::-1]


def test_angles_of_vectors_that_are_alike_do_not_leave_the_domain_of_the_arc_cosine() -> None:
    layer = nn.Linear(50, 50)
    with torch.no_grad():
        assert angle_between(layer, layer) < 1e-6
