"""Records about a search space, and about its networks with the head of a task behind them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import Field

from dna_deploy.errors import DnaDeployError, TableError
from dna_deploy.records.files import Record
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import describe_head, head_of, outputs_by_identity, parse_head
from dna_deploy.spaces.space import SearchSpace


class SpaceRecord(Record):
    """A record that names the space it is about."""

    space: str
    space_digest: str

    def is_of(self, space: SearchSpace) -> bool:
        """Whether the record is about this very space, whatever head its networks have."""
        return self.space_digest == space.digest

    def check_is_of(self, space: SearchSpace, hint: str) -> None:
        """Raises `TableError` unless the record is about this very space."""
        if not self.is_of(space):
            raise TableError(
                f"the {_words(self)} is for space {self.space!r} ({self.space_digest[:19]}), "
                f"not {space.name!r} ({space.digest[:19]})",
                hint,
            )

    def find_space(self) -> SearchSpace:
        """The space.

        Raises:
            UsageError: no space of that name is installed here.
            TableError: the space of that name is not what it was when the record was made.
        """
        space = find_space(self.space)
        if not self.is_of(space):
            raise TableError(
                f"the {_words(self)} is about a space {self.space!r} ({self.space_digest[:19]}) that is not the one known here",
                "it was made by another version or with another package; make it again",
            )
        return space


class HeadedRecord(SpaceRecord):
    """A record that speaks of whole networks."""

    head: str = Field(description="of the networks, a layer as its operation, outputs and stride; empty: not known")

    def find_networks(self) -> SearchSpace:
        """The space, with the head of the record where it is a chain; see `find_space`."""
        space = self.find_space()
        return space.with_head(parse_head(self.head)) if isinstance(space, ChainSpace) else space

    def check_networks(self, space: SearchSpace, hint: str) -> None:
        """Raises `TableError` unless the record is about the networks of this very space with this very head."""
        self.check_is_of(space, hint)
        if self.head != head_of(space):
            raise TableError(f"the {_words(self)} is for networks with {self.head}, not with {head_of(space)}", hint)


def _words(record: Record) -> str:
    return record.KIND.replace("-", " ")


def with_head(body: dict[str, Any]) -> dict[str, Any]:
    """What files said of a space before heads belonged to tasks: its digest told the number of classes, too."""
    digest, head = _without_head(body["space"], body["space_digest"])
    return {**body, "space_digest": digest, "head": head}


def without_head(body: dict[str, Any]) -> dict[str, Any]:
    """The same in files that speak of no whole network."""
    return {**body, "space_digest": _without_head(body["space"], body["space_digest"])[0]}


@lru_cache(maxsize=256)
def _without_head(name: str, digest: str) -> tuple[str, str]:
    """The digest of the space itself, and the head; both as they are where such a space is not known here."""
    try:
        space = find_space(name)
    except DnaDeployError:
        return digest, ""
    outputs = outputs_by_identity(space, digest) if isinstance(space, ChainSpace) else None
    if outputs is None or not isinstance(space, ChainSpace):
        return digest, ""
    return space.digest, describe_head(space.head_for(outputs))
