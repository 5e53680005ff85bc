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

    def __str__(self) -> str:
        return f"{self.width}:{','.join(operation.code for operation in self.operations)}"


@dataclass(frozen=True)
class Architecture:
    """A network of a space, one candidate a block."""

    blocks: tuple[BlockChoice, ...]

    def __str__(self) -> str:
        return "/".join(str(block) for block in self.blocks)
