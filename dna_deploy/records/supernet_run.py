"""What a supernet that had no teacher was made from, so that whoever finds its folder can go on with it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Provenance, Record


class SupernetRun(Record):
    """The inputs of a rating without a teacher."""

    KIND: ClassVar[str] = "supernet-run"

    provenance: Provenance
    method: str = Field(description="'one-shot': trained with labels as a whole; 'dna++': trained without labels, by blocks")
    identity: str = Field(description="names everything that the ratings depend on; the supernet carries it")
    space: str
    space_digest: str
    classes: int
    data: dict[str, object] = Field(description="which images, and how they are divided")
    data_digest: str
    config: dict[str, object] = Field(description="how the supernet was trained and rated")
