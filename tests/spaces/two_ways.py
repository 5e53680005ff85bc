"""Networks with layers that receive two tensors: maps that go two ways and meet again, by sum or side by side."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Operation
from dna_deploy.spaces.operations.tokens import Add, Concatenate
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Shape

OPERATIONS: dict[str, Operation] = {operation.code: operation for operation in (Conv(3), MBConv(3, 2), MBConv(5, 1))}
MEETINGS: dict[str, Operation] = {operation.code: operation for operation in (Add(), Concatenate())}


@dataclass(frozen=True)
class TwoWays:
    """Lines such as ``conv3/k3e2/add``: the operation of each way, and how the two meet."""

    name: str = "two-ways"
    digest: str = "sha256:two-ways"
    inputs: tuple[Shape, ...] = (FeatureMap(1, 8, 8),)

    def size(self) -> int:
        return len(OPERATIONS) ** 2 * len(MEETINGS)

    def sample(self, rng: random.Random) -> Architecture:
        return Architecture.of((rng.choice(list(OPERATIONS)), rng.choice(list(OPERATIONS)), rng.choice(list(MEETINGS))))

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        place, other = rng.randrange(3), self.sample(rng).parts
        return Architecture.of(other[of] if of == place else part for of, part in enumerate(architecture.parts))

    def check(self, architecture: Architecture) -> None:
        self.place(architecture)

    def parse(self, line: str) -> Architecture:
        architecture = Architecture(line.strip())
        self.check(architecture)
        return architecture

    def place(self, architecture: Architecture) -> tuple[PlacedLayer, ...]:
        match architecture.parts:
            case (left, right, meeting) if left in OPERATIONS and right in OPERATIONS and meeting in MEETINGS:
                stem = PlacedLayer(Conv(3), self.inputs[0], 8, 2)
                ways = [PlacedLayer(OPERATIONS[code], stem.output, 8) for code in (left, right)]
                met = PlacedLayer(MEETINGS[meeting], ways[0].output, 8, 1, (ways[1].output,))
                return stem, *ways, met, PlacedLayer(ClassifierHead(16), met.output, 3)
        raise UsageError(f"{architecture} is no network of {self.name!r}")

    def wires(self, architecture: Architecture) -> tuple[tuple[int, ...], ...]:
        return (-1,), (0,), (0,), (1, 2), (3,)

    def rows(self) -> tuple[PlacedLayer, ...]:
        lines = (f"{code}/{code}/{meeting}" for code in OPERATIONS for meeting in MEETINGS)
        return tuple(dict.fromkeys(layer for line in lines for layer in self.place(Architecture(line))))

    def outputs(self, architecture: Architecture) -> tuple[Shape, ...]:
        return (self.place(architecture)[3].output,)
