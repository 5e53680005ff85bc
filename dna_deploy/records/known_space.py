"""The very space that a record is about: from the catalogue, with the number of classes that the record was made for.

Records name a space and its digest. Only the last layer depends on the number of classes, and what a record says of that
layer tells the number; the digest proves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeAlias

from dna_deploy.errors import DnaDeployError, TableError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.chain import ChainSpace, as_chain
from dna_deploy.spaces.operations import ClassifierHead
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import SearchSpace

AboutASpace: TypeAlias = LatencyTable | ProfileRun | SearchOutcome


def known_space(record: AboutASpace) -> SearchSpace:
    """The space that a record is about.

    Raises:
        UsageError: no space of that name is installed here.
        TableError: the space of that name is not what it was when the record was made.
    """
    space = find_space(record.space)
    counts = class_counts(record, space) if isinstance(space, ChainSpace) else ()
    for variant in (space, *(as_chain(space).with_classes(count) for count in counts)):
        if variant.digest == record.space_digest:
            return variant
    raise TableError(
        f"the {record.KIND} is about a space {record.space!r} ({record.space_digest[:19]}) that is not the one known here",
        "it was made by another version or with another package; make it again",
    )


def class_counts(record: AboutASpace, space: ChainSpace) -> Iterator[int]:
    """The numbers of classes that a record speaks of."""
    match record:
        case LatencyTable():
            yield from _of_layers(row.layer for row in record.rows)
        case ProfileRun():
            yield from _of_layers(probe.key for probe in record.of("layer"))
        case SearchOutcome():
            yield from _of_parameters(record, space)


def _of_layers(keys: Iterable[str]) -> Iterator[int]:
    for key in keys:
        with suppress(DnaDeployError):  # an operation of a package that is not installed here
            layer = PlacedLayer.parse(key)
            if isinstance(layer.operation, ClassifierHead):
                yield layer.out_channels


def _of_parameters(outcome: SearchOutcome, space: ChainSpace) -> Iterator[int]:
    """Every class costs a network equally many parameters, so the answer's parameters count the classes."""
    with suppress(DnaDeployError):
        architecture = space.parse(outcome.best.architecture)
        few, more = (
            sum(layer.parameters for layer in variant.place(architecture))
            for variant in (space, space.with_classes(space.classes + 1))
        )
        count = space.classes + (outcome.best.parameters - few) // (more - few)
        if count > 0:
            yield count
