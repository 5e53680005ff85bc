"""A space made of somebody's own model, as data: written once with torch, read by profiling and search without it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator

from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import Part, Record
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.catalog import SUFFIX
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.operations.own import OwnUnit
from dna_deploy.spaces.shapes import feature_map, parse_shape

_CODE = re.compile(r"[A-Za-z0-9._]{1,64}")
_SHAPE = r"\d+(x\d+){1,2}c?"


class OwnCandidate(Part):
    """What may stand in the place of a unit."""

    code: str
    structure: str = Field(pattern="[0-9a-f]{8,64}", description="digest of its graph without weights")
    parameters: int = Field(ge=0, description="in the exported file")
    macs: int = Field(ge=0, description="multiply-accumulates for one image")

    @model_validator(mode="after")
    def _has_a_code(self) -> Self:
        if not _CODE.fullmatch(self.code):
            raise ValueError(f"{self.code!r} is no code of a candidate")
        return self


class OwnPart(Part):
    """A unit of the model, or what is around all units."""

    path: str = Field(description="dotted name in the model; empty: the rest around the units")
    input: str = Field(pattern=_SHAPE)
    output: str = Field(pattern=_SHAPE)
    candidates: tuple[OwnCandidate, ...] = Field(min_length=1)


class AbsentCandidate(Part):
    """What could have been a candidate, and why it is none."""

    path: str
    code: str
    reason: str


class OwnSpace(Record):
    """Everything that a model may become: for every unit its candidates, of which the first keeps it."""

    KIND: ClassVar[str] = "own-space"

    model: str = Field(description="as it was named")
    input: str = Field(pattern=_SHAPE, description="what images are")
    rest: OwnPart
    units: tuple[OwnPart, ...] = Field(min_length=1)
    absent: tuple[AbsentCandidate, ...] = ()

    @cached_property
    def name(self) -> str:
        """What the space is called: it names what is in it."""
        parts = "".join(part.model_dump_json() for part in (self.rest, *self.units))
        return f"own-{hashlib.sha256(f'{self.input}{parts}'.encode()).hexdigest()[:12]}"

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"{self.name}{SUFFIX}"

    @property
    def chain(self) -> HeadedSpace:
        """As other spaces in files call it."""
        return self.space

    @cached_property
    def space(self) -> HeadedSpace:
        """The space: a block a unit, behind the rest as its stem."""
        (rest,) = _operations(self.rest)
        stem = FixedLayer(rest, parse_shape(self.rest.output).channels)
        blocks = tuple(Block(1, (Cell(parse_shape(unit.output).channels, (_operations(unit),)),)) for unit in self.units)
        return HeadedSpace(self.name, feature_map(parse_shape(self.input)), (stem,), blocks, (), ())

    def architecture(self, choice: Mapping[str, str]) -> Architecture:
        """The network with a candidate, by its code, in the place of every unit."""
        return Architecture.of(f"{parse_shape(unit.output).channels}:{choice[unit.path]}" for unit in self.units)

    @property
    def rest_row(self) -> str:
        """What a latency table calls the rest around the units."""
        return self.space.stem_layers[0].key

    def row(self, path: str, code: str) -> str:
        """What a latency table calls a candidate."""
        return self._rows[path, code]

    @cached_property
    def _rows(self) -> dict[tuple[str, str], str]:
        index = self.space.index
        return {
            (unit.path, layer.operation.code): layer.key
            for unit, inputs in zip(self.units, index.cells, strict=True)
            for cells in inputs
            for cell in cells
            for layer in cell[0]
        }


def _operations(part: OwnPart) -> tuple[OwnUnit, ...]:
    return tuple(
        OwnUnit(candidate.code, candidate.structure, part.input, part.output, candidate.parameters, candidate.macs)
        for candidate in part.candidates
    )


def write_own_space(record: OwnSpace, folder: Path) -> Path:
    """Writes the space into a folder, and to where this machine finds it by name; gives the path."""
    path = folder / record.file_name
    for place in (path, _kept(record)):
        record.write(place)
    return path


def _kept(record: OwnSpace) -> Path:
    return cache_folder("spaces") / record.file_name
