"""A unit: a part of somebody's network that can be replaced by anything with the same shapes, and what may replace it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from dna_deploy.spaces.shapes import Shape

Change: TypeAlias = Literal["skip", "width", "operation", "depth"]
"""Leave it out · narrow what is inside · another operation with the same shapes · keep only the first few of its stage."""


@dataclass(frozen=True)
class Unit:
    """One module, or some modules in a row of an `nn.Sequential`, that turns one tensor into one tensor.

    Attributes:
        path: Dotted name in the network, such as ``layer1.0``; ``features.5:9`` are the children 5 to 8 of ``features``.
        kind: The class of the module.
        input: What comes in, the batch left out; a tensor of it is ``(batch, *input.sizes)``.
        output: What comes out.
        stage: Units in a row that have the same number also have equal shapes; only there may depth change.
        is_cut: Whether nothing else crosses it: the answers follow from its output alone.
        may: What may change besides keeping it.
        reasons: Why something may not, as (change, words).
    """

    path: str
    kind: str
    input: Shape
    output: Shape
    stage: int
    is_cut: bool
    may: tuple[Change, ...] = ()
    reasons: tuple[tuple[Change, str], ...] = ()

    @property
    def span(self) -> tuple[str, int, int] | None:
        """The parent, the first child and the one behind the last, where the unit is some modules in a row."""
        parent, _, last = self.path.rpartition(".")
        first, is_range, end = last.partition(":")
        return (parent, int(first), int(end)) if is_range else None
