"""A space that is no chain: one width for all layers, which blocks that choose for themselves cannot say."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Operation, Pointwise
from dna_deploy.spaces.placed import PlacedLayer, in_a_row, place_chain
from dna_deploy.spaces.shapes import FeatureMap


@dataclass(frozen=True)
class TiedSpace:
    """Lines such as ``w16/k3e1,p1,p1``: a width, and one operation a layer."""

    name: str = "tied"
    widths: tuple[int, ...] = (8, 16, 24)
    operations: tuple[Operation, ...] = (MBConv(3, 1), MBConv(5, 2), Pointwise())
    depth: int = 3
    input = FeatureMap(1, 12, 12)

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def inputs(self) -> tuple[FeatureMap, ...]:
        return (self.input,)

    def size(self) -> int:
        return len(self.widths) * len(self.operations) ** self.depth

    def networks(self) -> Iterator[Architecture]:
        for width, *operations in itertools.product(self.widths, *(self.operations,) * self.depth):
            yield self._line(width, tuple(operations))

    def sample(self, rng: random.Random) -> Architecture:
        return self._line(rng.choice(self.widths), tuple(rng.choice(self.operations) for _ in range(self.depth)))

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        width, operations = self._read(architecture.line)
        gene = rng.randrange(1 + self.depth)
        if gene == self.depth:
            return self._line(rng.choice(self.widths), operations)
        return self._line(width, (*operations[:gene], rng.choice(self.operations), *operations[gene + 1 :]))

    def check(self, architecture: Architecture) -> None:
        self._read(architecture.line)

    def parse(self, line: str) -> Architecture:
        return self._line(*self._read(line))

    def place(self, architecture: Architecture) -> tuple[PlacedLayer, ...]:
        width, operations = self._read(architecture.line)
        body = [(operation, width, 1 + (number == 0)) for number, operation in enumerate(operations)]
        return place_chain([(Conv(3), width, 1), *body, (ClassifierHead(16), 2, 1)], self.input)

    def wires(self, architecture: Architecture) -> tuple[tuple[int, ...], ...]:
        return in_a_row(self.place(architecture))

    def rows(self) -> tuple[PlacedLayer, ...]:
        return tuple(dict.fromkeys(layer for network in self.networks() for layer in self.place(network)))

    def outputs(self, architecture: Architecture) -> tuple[FeatureMap, ...]:
        return (self.place(architecture)[-2].output,)

    def _read(self, line: str) -> tuple[int, tuple[Operation, ...]]:
        first, _, codes = line.strip().partition("/")
        known = {operation.code: operation for operation in self.operations}
        chosen = [known.get(code) for code in codes.split(",")]
        operations = tuple(operation for operation in chosen if operation)
        if first not in [f"w{width}" for width in self.widths] or len(operations) != len(chosen) or len(chosen) != self.depth:
            raise UsageError(f"{line!r} is no network of {self.name!r}", "one looks like w16/k3e1,p1,p1")
        return int(first[1:]), operations

    @staticmethod
    def _line(width: int, operations: tuple[Operation, ...]) -> Architecture:
        return Architecture.of((f"w{width}", ",".join(operation.code for operation in operations)))
