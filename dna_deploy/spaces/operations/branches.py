"""Several operations side by side on one input, whose results are averaged: a layer of NSE (arXiv 2011.10904)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.placed import describe_operation, parse_operation
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
