"""Spaces that training has changed, as data: found by name on this machine, or in their files."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import ClassVar, Self

from pydantic import Field

from dna_deploy.errors import TableError
from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import Part, Provenance
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.space_record import SpaceRecord
from dna_deploy.spaces.block import FixedLayer
from dna_deploy.spaces.catalog import SUFFIX
from dna_deploy.spaces.chain import ChainSpace, as_chain
from dna_deploy.spaces.heads import parse_head
from dna_deploy.spaces.operations.branches import Tails
from dna_deploy.spaces.options import Option, beginning, every_option, with_branches, without


class ChangedSpace(SpaceRecord):
    """A space that was made of another one; ``space`` and its digest are those of the other."""

    method: str = Field(description="who made it")

    @property
    @abstractmethod
    def name(self) -> str:
        """What the space is called: it names what is in it."""

    @property
    @abstractmethod
    def chain(self) -> ChainSpace:
        """The space itself.

        Raises:
            UsageError: no space of the other's name is known here, or it is no chain.
            TableError: the other space is not what it was, or has no such options.
        """

    def remember(self) -> None:
        """Puts the record where this machine finds the space by its name."""
        self.write(cache_folder("spaces") / f"{self.name}{SUFFIX}")

    def restricted(self, table: LatencyTable) -> LatencyTable | None:
        """The rows of a table of the other space that networks of this one need; None where they need more than it has."""
        keys = {layer.key for layer in self.chain.with_head(parse_head(table.head)).rows()}
        rows = tuple(row for row in table.rows if row.layer in keys)
        absent = tuple(row for row in table.absent if row.layer in keys)
        if len(rows) + len(absent) < len(keys):
            return None
        about = {"space": self.name, "space_digest": self.chain.digest, "provenance": Provenance.now()}
        return table.model_copy(update={**about, "rows": rows, "absent": absent})

    def _named(self, prefix: str, *content: str) -> str:
        return f"{prefix}-{hashlib.sha256(' '.join((self.space_digest, *content)).encode()).hexdigest()[:12]}"


class ShrunkSpace(ChangedSpace):
    """What was left of a space."""

    KIND: ClassVar[str] = "shrunk-space"

    dropped: tuple[str, ...] = Field(description="such as: block 2: 40x2 layer 1: k3e1")

    @classmethod
    def of(cls, whole: ChainSpace, method: str, dropped: tuple[Option, ...]) -> Self:
        """The record of what a method left."""
        return cls(
            provenance=Provenance.now(), space=whole.name, space_digest=whole.digest, method=method,
            dropped=tuple(map(str, dropped)),
        )  # fmt: skip

    @property
    def name(self) -> str:
        return self._named("shrunk", *sorted(self.dropped))

    @cached_property
    def chain(self) -> ChainSpace:
        whole, dropped = as_chain(self.find_space()), tuple(map(Option.parse, self.dropped))
        if unknown := set(dropped) - set(every_option(whole)):
            raise TableError(f"{self.space!r} has no option {min(map(str, unknown))}", "shrink it again")
        smaller = without(whole, dropped)
        if not smaller.size():
            raise TableError(f"nothing is left of {self.space!r} without {len(dropped)} options", "shrink it again")
        return replace(smaller, name=self.name)


class FrontNetwork(Part):
    """A network of several branches a layer, on the front of latency and accuracy."""

    layers: tuple[tuple[str, ...], ...] = Field(description="the codes of every layer's operations; none: it is left out")
    latency_s: float = Field(ge=0, description="as the latency table predicts it")
    accuracy: float = Field(ge=0, le=1, description="with shared weights, on held-out images")


class GrownSpace(ChangedSpace):
    """What a round of evolution ends with: for every layer the sets of operations that networks of its front have."""

    KIND: ClassVar[str] = "grown-space"

    round: int = Field(ge=1)
    front: tuple[FrontNetwork, ...] = Field(min_length=1)
    live: tuple[tuple[str, ...], ...] = Field(description="codes that the next round trains, a tuple a layer")
    waiting: tuple[tuple[str, ...], ...] = Field(description="codes that no round has trained yet")
    importances: tuple[dict[str, float], ...] = Field(description="the logit of every code's gate when it was last trained")
    inputs: str = Field(description="digest of all that the round was made from")

    @property
    def subsets(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """Every layer's sets of operations."""
        return tuple(tuple(sorted(set(sets))) for sets in zip(*(network.layers for network in self.front), strict=True))

    @property
    def name(self) -> str:
        return self._named("grown", str(self.subsets))

    @cached_property
    def chain(self) -> ChainSpace:
        return replace(with_branches(as_chain(self.find_space()), self.subsets), name=self.name)


class EnsembleSpace(ChangedSpace):
    """A space of one network: an ensemble with one averaged answer, whose networks share their first blocks."""

    KIND: ClassVar[str] = "ensemble-space"

    split: int = Field(ge=1, description="blocks that all networks share")
    networks: tuple[str, ...] = Field(min_length=2, description="of the other space, alike in these blocks")
    accuracy: float = Field(ge=0, le=1, description="of the averaged answers with shared weights, on held-out images")

    @property
    def name(self) -> str:
        return self._named("ensemble", str(self.split), *self.networks)

    def restricted(self, table: LatencyTable) -> None:
        """An ensemble is measured as a whole: its branches may run side by side."""

    @cached_property
    def chain(self) -> ChainSpace:
        whole = as_chain(self.find_space())
        networks = [whole.parse(line) for line in self.networks]
        if len({network.parts[: self.split] for network in networks}) > 1 or self.split >= len(whole.block_numbers):
            raise TableError(f"the networks of {self.name} do not share their first {self.split} blocks", "search it again")
        sections = [whole.with_head().sections(network) for network in networks]
        tails = Tails.of([(*chain.from_iterable(each.blocks[self.split :]), *each.head) for each in sections])
        head = (FixedLayer(tails, whole.usual_head[-1].out_channels),)
        return replace(beginning(whole, networks[0], self.split, head), name=self.name)
