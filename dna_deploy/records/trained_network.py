"""A network after its final training: what training hands to export. Its weights lie beside it as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance, equal_to
from dna_deploy.records.preprocessing import Shown
from dna_deploy.records.score import Metrics, of_accuracy
from dna_deploy.records.space_record import HeadedRecord, with_head


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one metric, accuracy."""
    return {**with_head(body), "validation": [of_accuracy(body["validation"])], "test": [of_accuracy(body["test"])]}


class ImagePlace(Part):
    """Where images were read."""

    dataset: str = Field(description="a data set's name, or the path of a folder")
    folder: str | None = Field(None, exclude_if=equal_to(None), description="where a data set with a name lies")


class TrainedNetwork(HeadedRecord):
    """Which network was trained how, and how well it does."""

    KIND: ClassVar[str] = "trained-network"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    architecture: str
    weights: str = Field(description="file name of the weights, in the folder of this record")
    weights_digest: str
    dataset: str
    data_digest: str
    place: ImagePlace | None = Field(
        None, exclude_if=equal_to(None), description="where its images were; absent in older files"
    )
    classes: tuple[str, ...]
    images: dict[str, int] = Field(description="images of each part of the data set")
    mean: tuple[float, ...] = Field(description="inputs are (byte / 255 - mean) / deviation, a number a channel")
    deviation: tuple[float, ...]
    shown: Shown | None = Field(
        None, exclude_if=equal_to(None), description="how images that are transparent or deep became bytes"
    )
    teacher: str | None = Field(description="digest of the teacher whose soft targets it learnt; None: labels alone")
    task: str = Field("classification", description="what the network is for")
    recipe: dict[str, object]
    best_epoch: int
    validation: Metrics = Field(min_length=1)
    test: Metrics = Field(min_length=1, description="on images that chose nothing")
