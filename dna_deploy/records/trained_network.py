"""A network after its final training: what training hands to export. Its weights lie beside it as safetensors."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Provenance, Record
from dna_deploy.records.model_card import Accuracy


class TrainedNetwork(Record):
    """Which network was trained how, and how well it does."""

    KIND: ClassVar[str] = "trained-network"

    provenance: Provenance
    space: str
    space_digest: str
    architecture: str
    weights: str = Field(description="file name of the weights, in the folder of this record")
    weights_digest: str
    dataset: str
    data_digest: str
    classes: tuple[str, ...]
    images: dict[str, int] = Field(description="images of each part of the data set")
    mean: tuple[float, ...] = Field(description="inputs are (byte / 255 - mean) / deviation, a number a channel")
    deviation: tuple[float, ...]
    teacher: str | None = Field(description="digest of the teacher whose soft targets it learnt; None: labels alone")
    recipe: dict[str, object]
    best_epoch: int
    validation: Accuracy
    test: Accuracy = Field(description="on images that chose nothing")
