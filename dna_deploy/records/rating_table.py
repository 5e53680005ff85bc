"""Ratings of every candidate of every block: what rating hands to search. Lower is better; blocks add."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from dna_deploy.errors import TableError
from dna_deploy.records.files import Migration, Part, Provenance
from dna_deploy.records.score import ACCURACY, RATING, ScoreKind, predicted
from dna_deploy.records.space_record import SpaceRecord, without_head
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import BlockChoice
from dna_deploy.spaces.chain import ChainSpace

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

    @classmethod
    def of(cls, space: ChainSpace, index: int, ratings: Sequence[float], standard_errors: Sequence[float]) -> Self:
        """The ratings of all candidates of block ``index``, in the order of their positions, cut into its cells."""
        block = space.blocks[index]
        cells = (
            CellRatings(
                width=cell.width, depth=cell.depth, ratings=tuple(ratings[part]), standard_errors=tuple(standard_errors[part])
            )
            for cell, part in zip(block.cells, block.slices, strict=True)
        )
        return cls(cells=tuple(cells))

    @property
    def ratings(self) -> tuple[float, ...]:
        """The ratings of all candidates, in the order of their positions."""
        return tuple(chain.from_iterable(cell.ratings for cell in self.cells))

    @property
    def standard_errors(self) -> tuple[float, ...]:
        """The standard errors of `ratings`."""
        return tuple(chain.from_iterable(cell.standard_errors for cell in self.cells))


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said by its method alone that its ratings were wrong answers in percent."""
    kind = predicted(ACCURACY) if str(body["method"]).startswith("calibrated ") else RATING
    return {**without_head(body), "score": kind.model_dump(mode="json")}


class RatingTable(SpaceRecord):
    """An additive rating: the rating of a network is the sum over its blocks."""

    KIND: ClassVar[str] = "rating-table"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    method: str
    teacher: str
    dataset: str
    images: int = Field(ge=0, description="images on which candidates were rated")
    score: ScoreKind = Field(RATING, description="what the rating of a network stands for")
    blocks: tuple[BlockRatings, ...]

    @property
    def rater(self) -> str:
        """Who made the ratings, or those that were calibrated."""
        return self.method.removeprefix("calibrated ")

    def check_space(self, space: ChainSpace) -> None:
        """Raises `TableError` unless every candidate of ``space`` is rated here, in its order."""
        self.check_is_of(space, f"rate it with: dna-deploy rate --space {space.name}")
        expected = [[(cell.width, cell.depth, cell.count()) for cell in block.cells] for block in space.blocks]
        shape = [[(cell.width, cell.depth, len(cell.ratings)) for cell in block.cells] for block in self.blocks]
        if expected != shape:
            raise TableError(f"the ratings do not cover the candidates of {space.name!r}")

    def of_choice(self, space: ChainSpace, index: int, choice: BlockChoice | str) -> float:
        """The rating of one candidate of block ``index``."""
        return self.candidates[index][0][space.index.position(index, choice)]

    def of(self, space: ChainSpace, architecture: Architecture) -> float:
        """The summed rating of a network."""
        return sum(self.of_choice(space, index, choice) for index, choice in enumerate(architecture.parts))

    def standard_error(self, space: ChainSpace, architecture: Architecture) -> float:
        """The standard error of that sum, from those of its blocks."""
        pairs = zip(self.candidates, space.index.positions(architecture), strict=True)
        return math.hypot(*(errors[position] for (_, errors), position in pairs))

    @cached_property
    def candidates(self) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
        """For every block the ratings of its candidates and their standard errors, in the order of their positions."""
        return tuple((block.ratings, block.standard_errors) for block in self.blocks)
