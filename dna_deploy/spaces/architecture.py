"""One choice a block: a network as data. Prints as one short line; `SearchSpace.parse` reads it back."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.spaces.operations import Operation


@dataclass(frozen=True)
class BlockChoice:
    """A candidate of a block: its width and one operation a layer."""

    width: int
    operations: tuple[Operation, ...]

    @property
    def depth(self) -> int:
        return len(self.operations)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer with its place among candidates of the same shape, such as ``24x3 layer 2: k7e6`` (width x depth)."""
        shape = f"{self.width}x{self.depth}"
        return tuple(f"{shape} layer {number}: {operation.code}" for number, operation in enumerate(self.operations, 1))

    def __str__(self) -> str:
        return f"{self.width}:{','.join(operation.code for operation in self.operations)}"


@dataclass(frozen=True)
class Architecture:
    """A network of a space, one candidate a block."""

    blocks: tuple[BlockChoice, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Its blocks as text."""
        return tuple(map(str, self.blocks))

    @property
    def codes(self) -> tuple[str, ...]:
        """The short name of every chosen layer, in order."""
        return tuple(operation.code for block in self.blocks for operation in block.operations)

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of every block."""
        return tuple(block.width for block in self.blocks)

    def __str__(self) -> str:
        return "/".join(self.parts)
