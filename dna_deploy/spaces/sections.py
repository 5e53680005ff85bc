"""The layers of one network, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from dna_deploy.spaces.placed import PlacedLayer


@dataclass(frozen=True)
class Sections:
    """Every layer of one network, block by block. It need not be in any space."""

    stem: tuple[PlacedLayer, ...]
    blocks: tuple[tuple[PlacedLayer, ...], ...]
    head: tuple[PlacedLayer, ...]

    @cached_property
    def layers(self) -> tuple[PlacedLayer, ...]:
        """All layers in a row."""
        return (*self.stem, *chain.from_iterable(self.blocks), *self.head)

    @property
    def names(self) -> tuple[str, ...]:
        """For every layer of `layers`, the part that it belongs to."""
        blocks = (f"block {number}" for number, block in enumerate(self.blocks, 1) for _ in block)
        return (*("stem" for _ in self.stem), *blocks, *("head" for _ in self.head))

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(layer.macs for layer in self.layers)
