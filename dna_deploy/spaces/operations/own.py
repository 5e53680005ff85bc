"""A layer of somebody's own model: known by what it computes, its shapes and its costs; the module is only with the model."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import Shape, parse_shape
from dna_deploy.spaces.step import Step


@dataclass(frozen=True)
class OwnUnit(Operation):
    """What may stand in the place of a unit, or the rest of the model around all units.

    Attributes:
        name: Such as ``keep`` or ``width50``; the code in an architecture's line.
        structure: Digest of the graph without weights: equal ones run equally fast.
        receives: Its input, whatever stands before it in the chain.
        emits: Its output.
        weights: Parameters in the exported file.
        macs: Multiply-accumulates for one image.
    """

    name: str
    structure: str
    receives: str
    emits: str
    weights: int
    macs: int

    @property
    def code(self) -> str:
        """Its name."""
        return self.name

    def received(self, input: Shape) -> Shape:
        """Its own input: between two units the model may do more."""
        return parse_shape(self.receives)

    def output(self, at: Place) -> Shape:
        """Its own output."""
        return parse_shape(self.emits)

    def steps(self, at: Place) -> tuple[Step, ...]:
        """One, or none of what computes nothing."""
        step = Step((parse_shape(self.receives),), parse_shape(self.emits), self.weights, self.macs)
        return (step,) if self.weights or self.macs else ()
