"""What an answer has of what was asked is its own, also after a second stage chose another network."""

from __future__ import annotations

import pytest

from dna_deploy.records.search_outcome import AskedConstraint, FoundNetwork, OnTarget

PLACES = tuple(
    OnTarget(target=target, quantile="p50", latency_s=latency_s, planned_s=1.1 * latency_s, weight_bytes=size,
             peak_memory_bytes=2 * size)
    for target, latency_s, size in (("pi", 2.0, 100), ("pc", 1.0, 400))
)  # fmt: skip
NETWORK = FoundNetwork(
    architecture="a", rating=0.5, rating_standard_error=0.1, parameters=30, deployed_parameters=20, macs=10, targets=PLACES
)


@pytest.mark.parametrize(
    ("quantity", "target", "quantile", "amount"),
    [
        ("latency p50@pi", "pi", "p50", 2.2),
        ("latency p50@pc", "pc", "p50", 1.1),
        ("latency p50", None, "p50", 2.2),
        ("latency p99@pc", "pc", "p99", 7.0),
        ("parameters", None, None, 30),
        ("macs", None, None, 10),
        ("size@pc", "pc", None, 400),
        ("memory@pi", "pi", None, 200),
        ("rating", None, None, 0.5),
        ("another", None, None, 7.0),
    ],
)
def test_an_amount_is_of_the_network_itself(quantity: str, target: str | None, quantile: str | None, amount: float) -> None:
    demand = AskedConstraint.model_validate(
        {"quantity": quantity, "target": target, "quantile": quantile, "at_most": 9.0, "at_least": None, "found": 7.0}
    )
    assert NETWORK.amount(demand) == pytest.approx(amount)
