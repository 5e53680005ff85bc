"""Parts side by side on one input, whose results are averaged: a layer of NSE (arXiv 2011.10904), the tails of an ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.placed import PlacedLayer, describe_operation, parse_operation, place_chain
from dna_deploy.spaces.shapes import Shape
from dna_deploy.spaces.step import Step

_INSIDE = str.maketrans("(),", "<>;")
_OUTSIDE = str.maketrans("<>;", "(),")


@dataclass(frozen=True)
class Branches(Operation):
    """The mean of what its parts make of one input; each keeps a residual of its own.

    Attributes:
        parts: The operations as text with ``<>;`` for ``(),``, and ``+`` between them.
    """

    parts: str

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Self:
        """Of two or more operations."""
        return cls("+".join(describe_operation(operation).translate(_INSIDE) for operation in operations))

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """The parts.

        Raises:
            UsageError: the text names fewer than two, or unknown ones.
        """
        parts = tuple(parse_operation(text.translate(_OUTSIDE)) for text in self.parts.split("+"))
        if len(parts) < 2:
            raise UsageError(f"branches of {len(parts)} part are no branches", "take the part itself")
        return parts

    @property
    def code(self) -> str:
        return "_".join(operation.code for operation in self.operations)

    def output(self, at: Place) -> Shape:
        first, *others = {operation.output(at) for operation in self.operations}
        if others:
            raise UsageError(f"parts of {self.code} emit different shapes: {first}, {others[0]}")
        return first

    def steps(self, at: Place) -> tuple[Step, ...]:
        return tuple(step for operation in self.operations for step in operation.steps(at))


@dataclass(frozen=True)
class Tails(Operation):
    """Branches of an ensemble from where they part (NEAS, arXiv 2104.00597): layers in a row each, whose scores are averaged.

    Attributes:
        branches: ``&`` between branches, ``|`` between layers; a layer is its operation as in `Branches`, its channels and its
            stride with ``@`` between them. The last of a branch has as many channels as are emitted.
    """

    branches: str

    @classmethod
    def of(cls, branches: Sequence[Sequence[PlacedLayer]]) -> Self:
        """Of layers that stand behind one shape."""
        texts = [
            "|".join(
                f"{describe_operation(each.operation).translate(_INSIDE)}@{each.out_channels}@{each.stride}" for each in layers
            )
            for layers in branches
        ]
        return cls("&".join(texts))

    @property
    def code(self) -> str:
        return f"tails{hashlib.sha256(self.branches.encode()).hexdigest()[:8]}"

    def placed(self, at: Place) -> tuple[tuple[PlacedLayer, ...], ...]:
        """The layers of every branch.

        Raises:
            UsageError: there are fewer than two, or a layer cannot be read or stand there.
        """
        branches = [_layers(text) for text in self.branches.split("&")]
        if len(branches) < 2:
            raise UsageError(f"an ensemble of {len(branches)} branch is none", "take the network itself")
        tails = ((*layers[:-1], (layers[-1][0], at.out_channels, layers[-1][2])) for layers in branches)
        return tuple(place_chain(layers, at.feature_map) for layers in tails)

    def output(self, at: Place) -> Shape:
        first, *others = {layers[-1].output for layers in self.placed(at)}
        if others:
            raise UsageError(f"branches of {self.code} emit different shapes: {first}, {others[0]}")
        return first

    def steps(self, at: Place) -> tuple[Step, ...]:
        return tuple(step for layers in self.placed(at) for layer in layers for step in layer.steps)


def _layers(text: str) -> list[tuple[Operation, int, int]]:
    layers = []
    for layer in text.split("|"):
        operation, channels, stride = layer.split("@")
        layers.append((parse_operation(operation.translate(_OUTSIDE)), int(channels), int(stride)))
    return layers
