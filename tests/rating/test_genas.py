"""GeNAS: flatness is what its formula says, noise is common to all networks, and weights are as before."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from dna_deploy.errors import UsageError
from dna_deploy.rating.rater import Rater, make_rater
from dna_deploy.rating.raters.genas.config import FlatnessConfig
from dna_deploy.rating.raters.genas.flatness import Flatness, losses_with_noise
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from tests.toy import SPACE, toy_data

NOISES = (0.1, 0.3, 0.6)
SMALL: dict[str, Any] = {"epochs": 1, "batch": 16, "rating_batch": 20, "calibration_images": 32}


def rater(folder: Path, method: str, config: OneShotConfig) -> Rater:
    return make_rater(method, SPACE, toy_data(), config, folder)


def test_the_slope_of_a_quadratic_loss_is_the_analytic_one() -> None:
    weights = {"a": torch.full((200_000,), 0.5), "b": torch.full((200_000,), -0.5)}
    losses = losses_with_noise(weights, lambda: float(torch.cat(list(weights.values())).square().mean()), NOISES, 0)
    variances = (0.01, 0.01 + 0.09, 0.01 + 0.09 + 0.36)  # noises add up
    assert losses == pytest.approx([0.25 + variance for variance in variances], rel=0.01)
    analytic = 0.09 / 0.2 + 0.36 / 0.3
    assert Flatness(losses, NOISES).slope == pytest.approx(analytic, rel=0.05)
    assert Flatness(losses, NOISES).total == pytest.approx(1 / (0.26 / 0.1 + analytic + 1e-5), rel=0.05)


def test_a_steeper_loss_is_less_flat_and_a_larger_one_too_in_total_alone() -> None:
    even, steep, large = (Flatness(losses, NOISES) for losses in ((1.0, 1.1, 1.2), (1.0, 1.5, 1.2), (2.0, 2.1, 2.2)))
    assert even.slope < steep.slope
    assert even.total > steep.total
    assert large.slope == pytest.approx(even.slope)
    assert large.total < even.total


def test_what_a_shared_weight_is_given_depends_on_no_other_weight() -> None:
    shared, given = torch.zeros(5), list[torch.Tensor]()
    for others in ({}, {"other": torch.zeros(3)}):
        losses_with_noise({**others, "shared": shared}, lambda: given.append(shared.clone()) or 0.0, NOISES, 0)  # type: ignore
    assert len(given) == 6
    assert all(torch.equal(one, other) for one, other in zip(given[:3], given[3:], strict=True))
    assert len({float(tensor.sum()) for tensor in given}) == 3


def test_weights_are_as_before_even_where_a_loss_fails() -> None:
    weight = torch.tensor([0.1, -7.0])
    with pytest.raises(ZeroDivisionError):
        losses_with_noise({"weight": weight}, lambda: 1 / 0, NOISES, 0)
    assert torch.equal(weight, torch.tensor([0.1, -7.0]))


def test_networks_are_rated_by_total_beside_slope_and_the_accuracy_of_one_shot(tmp_path: Path) -> None:
    networks = [SPACE.sample(random.Random(seed)) for seed in range(4)]
    flat = rater(tmp_path / "genas", "genas", FlatnessConfig(**SMALL)).score(networks)
    plain = rater(tmp_path / "one-shot", "one-shot", OneShotConfig(**SMALL)).score(networks)
    assert [[score.kind.name for score in (rated, *rated.further)] for rated in flat] == [
        ["flatness", "slope of the loss", "accuracy", "cross entropy"]
    ] * 4
    assert len({rated.value for rated in flat}) == 4
    assert [rated.further[1] for rated in flat] == [score.model_copy(update={"further": ()}) for score in plain]
    assert rater(tmp_path / "genas", "genas", FlatnessConfig(**SMALL)).score(networks[::-1]) == flat[::-1]


@pytest.mark.parametrize("noises", [(0.1,), (0.0, 0.1), (0.2, 0.1), ()])
def test_noises_without_a_slope_are_refused(noises: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="have no slope"):
        FlatnessConfig(noises=noises)
