"""What every search space is: networks that can be drawn, changed, checked, and placed as layers with known costs.

A chain of blocks (`ChainSpace`) is one kind. What only some kinds can do, such as being searched exactly, is theirs alone; who
needs it asks for it.
"""

from __future__ import annotations

import random
from typing import Protocol, runtime_checkable

from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import Shape


@runtime_checkable
class SearchSpace(Protocol):
    """What profiling, black-box search and records need of a space."""

    @property
    def name(self) -> str:
        """What it is called in commands and files."""
        ...

    @property
    def digest(self) -> str:
        """Names the space in files: equal digests mean equal networks with equal layers."""
        ...

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """What a network receives."""
        ...

    def size(self) -> int | None:
        """How many networks there are; ``None`` where they cannot be counted."""
        ...

    def sample(self, rng: random.Random) -> Architecture:
        """A network drawn at random."""
        ...

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        """A network near another one."""
        ...

    def check(self, architecture: Architecture) -> None:
        """Raises `UsageError` if the architecture is not in this space."""
        ...

    def parse(self, line: str) -> Architecture:
        """The network that a line of text names.

        Raises:
            UsageError: it names none of this space.
        """
        ...

    def place(self, architecture: Architecture) -> tuple[PlacedLayer, ...]:
        """Every layer of a network, none before those that it receives something from.

        Raises:
            UsageError: the architecture is not in this space.
        """
        ...

    def wires(self, architecture: Architecture) -> tuple[tuple[int, ...], ...]:
        """For every layer of `place`, the numbers of the layers that it receives from; -1 is the network's first input."""
        ...

    def rows(self) -> tuple[PlacedLayer, ...]:
        """Every distinct layer that any network can hold: the rows of a latency table."""
        ...

    def outputs(self, architecture: Architecture) -> tuple[Shape, ...]:
        """What a network offers to a head, from its first features to its last."""
        ...
