"""What the supernets in a folder were made from, so that whoever finds the folder can go on with them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Provenance, Record


class RatingRun(Record):
    """The inputs of a rating."""

    KIND: ClassVar[str] = "rating-run"

    provenance: Provenance
    identity: str = Field(description="names everything that the ratings depend on; the supernets carry it")
    space: str
    space_digest: str
    classes: int
    data: dict[str, object] = Field(description="which images, and how they are divided")
    data_digest: str
    config: dict[str, object] = Field(description="how supernets were trained and rated")
    teacher_file: str
    teacher_digest: str
