"""Answers of small searches, by trying everything."""

from __future__ import annotations

from dna_deploy.search import (
    Constraint,
    Latency,
)
from tests.search.brute_force import Census


def within(census: Census, share: float) -> list[Constraint]:
    """A latency budget that about this share of the networks meet."""
    latencies = sorted(census.of(network, Latency("device-0")) for network in census.layers)
    return [Constraint(Latency("device-0"), at_most=latencies[int(share * (len(latencies) - 1))])]


def layers_unlike(one: str, other: str) -> int:
    """Layers of two architecture lines that differ in operation or width, or that only one has."""
    total = 0
    for a, b in zip(one.split("/"), other.split("/"), strict=True):
        (width, ops), (width_b, ops_b) = (part.split(":") for part in (a, b))
        first, second = ops.split(","), ops_b.split(",")
        same = sum(x == y for x, y in zip(first, second, strict=False)) if width == width_b else 0
        total += max(len(first), len(second)) - same
    return total
