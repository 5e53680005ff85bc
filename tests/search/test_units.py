"""Replacements of units are the best there are: compared with trying all."""

from __future__ import annotations

import itertools
import random

import pytest

from dna_deploy.errors import InfeasibleError
from dna_deploy.search.units import Option, UnitDepth, UnitStage, best_replacements


def _drawn(seed: int) -> list[UnitStage]:
    rng = random.Random(seed)

    def options() -> tuple[Option, ...]:
        return (Option("keep", 0.0, 1.0), *(Option(f"o{n}", rng.random(), rng.random()) for n in range(rng.randint(1, 2))))

    def stage(units: int) -> UnitStage:
        order, rating = rng.sample(range(units), units), 0.0
        depths = [UnitDepth(frozenset(order[:n]), rating := rating + rng.random() * n) for n in range(1, units + 1)]
        return UnitStage(tuple(options() for _ in range(units)), tuple(depths) if rng.random() < 0.8 else ())

    return [stage(rng.randint(1, 3)) for _ in range(2)]


def _all(stages: list[UnitStage]) -> list[tuple[float, float]]:
    """Rating and latency of every network."""
    per_stage = []
    for stage in stages:
        networks = []
        for depth in (UnitDepth(frozenset(), 0.0), *stage.depths):
            stay = [options for number, options in enumerate(stage.units) if number not in depth.skipped]
            for chosen in itertools.product(*stay):
                networks.append((depth.rating + sum(o.rating for o in chosen), sum(o.latency_s for o in chosen)))
        per_stage.append(networks)
    return [tuple(map(sum, zip(*parts, strict=True))) for parts in itertools.product(*per_stage)]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_the_best_replacements_are_those_that_trying_all_finds(seed: int, share: float) -> None:
    stages = _drawn(seed)
    networks = _all(stages)
    budget = min(latency for _, latency in networks) + share * (max(latency for _, latency in networks) - 0.5)
    ratings = sorted(rating for rating, latency in networks if latency + 0.25 <= budget + 0.25)[:3]
    best = best_replacements(stages, budget + 0.25, rest_s=0.25, top=3)
    assert [network.rating for network in best] == pytest.approx(ratings, abs=1e-9)
    assert all(network.latency_s <= budget + 1e-9 for network in best)


def test_a_unit_that_is_left_out_has_no_option_and_its_depth_is_paid_once() -> None:
    options = (Option("keep", 0.0, 1.0),)
    stage = UnitStage((options,) * 3, (UnitDepth(frozenset({1}), 0.1), UnitDepth(frozenset({1, 2}), 0.5)))
    (network,) = best_replacements([stage], 1.5)
    assert network.options == (options[0], None, None)
    assert (network.rating, network.latency_s) == (0.5, 1.0)


def test_what_no_network_reaches_is_said_with_the_fastest_and_what_cannot_change() -> None:
    stage = UnitStage(((Option("keep", 0.0, 0.002), Option("width50", 0.3, 0.001)),))
    with pytest.raises(InfeasibleError, match=r"takes 4\.00 ms: the fastest takes 6\.00 ms") as raised:
        best_replacements([stage], 0.004, rest_s=0.005)
    assert raised.value.hint.startswith("5.00 ms are spent outside of units; freeze fewer")
