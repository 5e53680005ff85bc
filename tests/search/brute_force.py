"""Answers by looking at every network: slow, and too simple to be wrong. Shares nothing with the solver but the records."""

from __future__ import annotations

import math
from functools import cached_property

from dna_deploy.search import Constraint, Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.placed import PlacedLayer
from tests.search.instances import Instance

ROUNDING = 1e-12
BYTES = {"fp32": 4, "fp16": 2, "int8": 1}


class Census:
    """Every network of an instance, with any number of it."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._tables = {table.target.name: table for table in instance.tables}
        self.layers = {network: instance.space.place(network) for network in instance.space.architectures()}

    @cached_property
    def _keys(self) -> dict[PlacedLayer, str]:
        return {layer: layer.key for layer in self._instance.space.rows()}

    def of(self, network: Architecture, quantity: Quantity) -> float:
        layers, ratings = self.layers[network], self._instance.ratings
        match quantity:
            case Rating():
                pairs = enumerate(network.parts)
                return math.fsum(ratings.of_choice(self._instance.space, index, choice) for index, choice in pairs)
            case Latency():
                table = self._tables[quantity.target or "device-0"]
                keys = [self._keys[layer] for layer in layers]
                if any(key in table.reasons for key in keys):
                    return math.inf
                calibration = table.calibration(quantity.quantile)
                return calibration.offset_s + calibration.scale * math.fsum(table.row(key) for key in keys)
            case Parameters():
                return sum(layer.parameters for layer in layers)
            case Macs():
                return sum(layer.macs for layer in layers)
            case WeightBytes():
                return self._bytes(quantity.target) * sum(layer.deployed_parameters for layer in layers)
            case PeakMemory():
                return self._bytes(quantity.target) * max(layer.peak_activation_elements for layer in layers)

    def _bytes(self, target: str | None) -> int:
        return BYTES[self._tables[target or "device-0"].target.precision]

    def feasible(self, constraints: list[Constraint]) -> list[Architecture]:
        """The networks that meet every constraint and run on every target that one of them names."""
        targets = {target for constraint in constraints if (target := getattr(constraint.quantity, "target", None))}
        asked = [*constraints, *(Constraint(Latency(target)) for target in targets)]
        return [network for network in self.layers if all(self._meets(network, constraint) for constraint in asked)]

    def _meets(self, network: Architecture, constraint: Constraint) -> bool:
        value = self.of(network, constraint.quantity)
        slack = ROUNDING * abs(value)
        return math.isfinite(value) and constraint.at_least - slack <= value <= constraint.at_most + slack


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, rating) pairs that no other beats, equal up to rounding counted once."""
    kept: list[tuple[float, float]] = []
    for cost, rating in sorted(points):
        if kept and rating >= kept[-1][1] - ROUNDING:
            continue
        if kept and cost <= kept[-1][0] * (1 + ROUNDING):
            kept.pop()
        kept.append((cost, rating))
    return kept
