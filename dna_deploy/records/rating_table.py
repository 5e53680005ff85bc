"""Ratings of every candidate of every block: what rating hands to search. Lower is better; blocks add."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from dna_deploy.errors import DnaDeployError, TableError
from dna_deploy.records.files import Migration, Part, Provenance, Record
from dna_deploy.records.score import ACCURACY, RATING, ScoreKind, predicted
from dna_deploy.spaces.architecture import Architecture, BlockChoice
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace

NO_TEACHER = "none"
"""In the place of a teacher, where there is none."""


class CellRatings(Part):
    """Ratings of a cell's candidates, in the order of `Cell.candidates`, with their standard errors."""

    width: int
    depth: int
    ratings: tuple[float, ...]
    standard_errors: tuple[float, ...]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.ratings) != len(self.standard_errors):
            raise ValueError(f"{len(self.ratings)} ratings but {len(self.standard_errors)} standard errors")
        if any(error < 0 for error in self.standard_errors):
            raise ValueError("a standard error is negative")
        return self


class BlockRatings(Part):
    """The cells of a block, in the space's order."""

    cells: tuple[CellRatings, ...]


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said by its method alone that its ratings were wrong answers in percent."""
    kind = predicted(ACCURACY) if str(body["method"]).startswith("calibrated ") else RATING
    return {**body, "score": kind.model_dump(mode="json")}


class RatingTable(Record):
    """An additive rating: the rating of a network is the sum over its blocks."""

    KIND: ClassVar[str] = "rating-table"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    space: str
    space_digest: str
    method: str
    teacher: str
    dataset: str
    images: int = Field(ge=0, description="images on which candidates were rated")
    score: ScoreKind = Field(RATING, description="what the rating of a network stands for")
    blocks: tuple[BlockRatings, ...]

    def holds_for(self, space: SearchSpace) -> bool:
        """Whether these are ratings of this space. Blocks are rated without the last layer, for any number of classes."""
        return self.space_digest in (space.digest, _of_catalogue(space))

    @property
    def is_teacherless(self) -> bool:
        """Whether no teacher was imitated."""
        return self.teacher == NO_TEACHER

    def check_space(self, space: SearchSpace) -> None:
        """Raises `TableError` unless every candidate of ``space`` is rated here, in its order."""
        if not self.holds_for(space):
            raise TableError(
                f"the ratings are for space {self.space!r} ({self.space_digest[:19]}), "
                f"not {space.name!r} ({space.digest[:19]})",
                f"rate it with: dna-deploy rate --space {space.name}",
            )
        expected = [[(cell.width, cell.depth, cell.count()) for cell in block.cells] for block in space.blocks]
        found = [[(cell.width, cell.depth, len(cell.ratings)) for cell in block.cells] for block in self.blocks]
        if expected != found:
            raise TableError(f"the ratings do not cover the candidates of {space.name!r}")

    def of_choice(self, space: SearchSpace, index: int, choice: BlockChoice) -> float:
        """The rating of one candidate of block ``index``."""
        cell, position = self._place(space, index, choice)
        return cell.ratings[position]

    def of(self, space: SearchSpace, architecture: Architecture) -> float:
        """The summed rating of a network."""
        return sum(self.of_choice(space, index, choice) for index, choice in enumerate(architecture.blocks))

    def standard_error(self, space: SearchSpace, architecture: Architecture) -> float:
        """The standard error of that sum, from those of its blocks."""
        places = (self._place(space, index, choice) for index, choice in enumerate(architecture.blocks))
        return math.hypot(*(cell.standard_errors[position] for cell, position in places))

    def _place(self, space: SearchSpace, index: int, choice: BlockChoice) -> tuple[CellRatings, int]:
        """The cell of a candidate of block ``index``, and its number there."""
        block = space.blocks[index]
        cell = block.cell_of(choice)
        position = 0
        for operation, operations in zip(choice.operations, cell.layers, strict=True):
            position = position * len(operations) + operations.index(operation)
        return self.blocks[index].cells[block.cells.index(cell)], position


def _of_catalogue(space: SearchSpace) -> str | None:
    """The digest of a space with as many classes as the catalogue says; None where it is not of the catalogue."""
    try:
        return space.with_classes(find_space(space.name).classes).digest
    except DnaDeployError:
        return None
