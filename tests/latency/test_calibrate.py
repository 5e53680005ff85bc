"""Intervals of predictions cover what they say, at both ends of a space as in its middle, and are wider beyond."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from dna_deploy.export.kits.kit import choose_networks
from dna_deploy.latency.calibrate import calibrate_sums, fit_sums
from dna_deploy.records.latency_table import Calibration
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog.fashion import FASHION
from dna_deploy.spaces.scaling import largest, of_size
from tests.latency.pretend import FITTED
from tests.spaces.tied import TiedSpace

LEAST, MOST = 10e-6, 300e-6
Truth = Callable[[float], float]


def straight(total: float) -> float:
    return 4e-6 + 1.1 * total


def bent(total: float) -> float:
    """Small networks gain from caches, large ones lose: no line fits the whole range."""
    return 3e-6 + total * (0.9 + 0.4 * total / MOST)


def jumping(total: float) -> float:
    """Beyond some size weights no longer stay where they are fast."""
    return 4e-6 + total * (1.0 if total < 80e-6 else 1.25)


def calibrated(truth: Truth, noise: float, seed: int, networks: int = 10) -> tuple[Calibration, random.Random]:
    rng = random.Random(seed)
    sums = [LEAST * (MOST / LEAST) ** (index / (networks - 1)) for index in range(networks)]
    return calibrate_sums("p50", sums, [truth(total) * rng.gauss(1, noise) for total in sums]), rng


def coverage(truth: Truth, noise: float, low: float, high: float) -> float:
    """The share of unseen networks between two sizes that 95 % intervals cover, over many tables."""
    covered = []
    for seed in range(60):
        fitted, rng = calibrated(truth, noise, seed)
        for _ in range(10):
            total = rng.uniform(low, high)
            predicted, taken = fitted.offset_s + fitted.scale * total, truth(total) * rng.gauss(1, noise)
            covered.append(abs(predicted / taken - 1) <= 1.96 * fitted.error_at(total))
    return float(np.mean(covered))


@pytest.mark.parametrize("noise", [0.01, 0.04])
@pytest.mark.parametrize("truth", [straight, bent, jumping])
@pytest.mark.parametrize(
    "part", [(LEAST, 1.3 * LEAST), (60e-6, 150e-6), (0.8 * MOST, MOST)], ids=["smallest", "middle", "largest"]
)
def test_intervals_cover_unseen_networks_of_every_size(truth: Truth, noise: float, part: tuple[float, float]) -> None:
    assert coverage(truth, noise, *part) >= 0.9


@pytest.mark.parametrize("size", [LEAST / 3, 3 * MOST])
def test_where_nothing_was_measured_the_interval_is_wider_and_covers(size: float) -> None:
    fitted, _ = calibrated(straight, 0.02, 0)
    assert fitted.error_at(size) > 1.5 * fitted.greatest_error
    assert coverage(straight, 0.02, 0.9 * size, 1.1 * size) >= 0.9


def test_a_quiet_machine_has_tight_intervals() -> None:
    fitted, _ = calibrated(straight, 0.005, 0)
    assert fitted.error_at(60e-6) < 0.012
    assert fitted.greatest_error < 0.025
    assert fitted.greatest_error >= fitted.relative_error


def test_the_table_of_a_busy_neighbour_does_not_claim_four_percent() -> None:
    # As it was met: ten networks of middle size, and a smallest network of twice what they said.
    sums = [26e-6 + 12e-6 * index for index in range(10)]
    rng = random.Random(1)
    fitted = calibrate_sums("p50", sums, [(44.5e-6 + 1.6 * (total - sums[0])) * rng.gauss(1, 0.03) for total in sums])
    smallest = 13e-6
    predicted = fitted.offset_s + fitted.scale * smallest
    assert predicted > 0
    assert abs(predicted / 21.6e-6 - 1) <= 1.96 * fitted.error_at(smallest)
    assert fitted.error_at(smallest) > 2 * fitted.error_at(80e-6)


def test_noise_does_not_make_networks_that_take_less_than_no_time() -> None:
    sums = [1e-3, 1.1e-3, 1.2e-3, 1.3e-3]
    scale, offset = fit_sums(sums, [0.3e-3, 0.8e-3, 1.1e-3, 1.5e-3])
    assert offset == 0.0
    assert scale > 0
    scale, offset = fit_sums(sums, [2.2e-3, 2.4e-3, 2.6e-3, 2.8e-3])
    assert (scale, offset) == pytest.approx((2.0, 0.2e-3))


def test_older_calibrations_know_one_error_for_all_sizes() -> None:
    assert FITTED.error_at(1e-6) == FITTED.error_at(1.0) == FITTED.greatest_error == FITTED.relative_error
    assert set(FITTED.model_dump()) == {"quantile", "scale", "offset_s", "networks", "relative_error"}


def test_networks_are_chosen_of_a_space_that_never_draws_most_of_what_it_counts() -> None:
    class Stubborn(TiedSpace):
        def sample(self, rng: random.Random) -> Architecture:
            return self.parse(rng.choice(("w8/p1,p1,p1", "w16/p1,p1,p1", "w24/p1,p1,p1")))

    (_, fitted), (_, judged) = choose_networks(Stubborn(), seed=0, calibration=2, validation=2)
    assert Stubborn().size() == 81
    assert (len(judged), len(fitted)) == (1, 2)  # those that the fit needs come first


def test_networks_to_fit_on_reach_from_the_smallest_to_the_largest() -> None:
    def cost(network: object) -> int:
        return sum(layer.macs for layer in FASHION.place(network))  # type: ignore[arg-type]

    (_, fitted), (_, judged) = choose_networks(FASHION, seed=0, calibration=10, validation=40)
    costs = sorted(map(cost, fitted))
    rng = random.Random(0)
    drawn = [cost(FASHION.sample(rng)) for _ in range(3000)]
    assert costs[0] <= min(drawn)
    assert costs[-1] >= max(drawn)
    assert costs[-1] == cost(largest(FASHION))
    assert costs[0] == cost(of_size(FASHION, 0.0))
    steps = np.diff(np.log(costs))
    assert steps.max() < 2.5 * steps.mean(), "no gap between them"
    assert not set(fitted) & set(judged)
