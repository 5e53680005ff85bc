"""What the supernets in a folder were made from, so that whoever finds the folder can go on with them."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance
from dna_deploy.records.space_record import HeadedRecord, with_head


class RunTeacher(Part):
    """The teacher of a rating."""

    file: str
    digest: str


def _with_method_and_teacher(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 was two kinds of files: 'rating-run' of blocks that a teacher taught, 'supernet-run' of everything else."""
    if "method" in body:
        return {**body, "teacher": None}
    rest = {key: value for key, value in body.items() if key not in ("teacher_file", "teacher_digest")}
    return {**rest, "method": "dna", "teacher": {"file": body["teacher_file"], "digest": body["teacher_digest"]}}


def _with_head(body: dict[str, Any]) -> dict[str, Any]:
    """Version 2 named its space by a digest that knew the number of classes."""
    return with_head({key: value for key, value in body.items() if key != "classes"})


class RatingRun(HeadedRecord):
    """The inputs of a rating."""

    KIND: ClassVar[str] = "rating-run"
    FORMER_KINDS: ClassVar[tuple[str, ...]] = ("supernet-run",)
    SCHEMA_VERSION: ClassVar[int] = 3
    MIGRATIONS: ClassVar[dict[int, Migration]] = {1: _with_method_and_teacher, 2: _with_head}

    provenance: Provenance
    method: str = Field(description="the rater: one of `dna-deploy rate --method`")
    identity: str = Field(description="names everything that the ratings depend on; what was trained carries it")
    data: dict[str, object] = Field(description="which images, and how they are divided")
    data_digest: str
    config: dict[str, object] = Field(description="the rater's settings")
    teacher: RunTeacher | None = Field(description="None where none was asked for")
