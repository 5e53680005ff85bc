"""Everything that a rating is made from, and the record of it beside what is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.records.files import Part, Provenance, digest_of
from dna_deploy.records.rating_run import RatingRun, RunTeacher
from dna_deploy.records.rating_table import NO_TEACHER, BlockRatings, RatingTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import head_of

FILE_NAME = "rating-run.json"
FORMER_FILE_NAME = "supernet-run.json"
"""Where earlier versions wrote what a supernet without a teacher was made from."""

ConfigT = TypeVar("ConfigT", bound=Part)
TeacherT = TypeVar("TeacherT", bound=Teacher | None)


@dataclass(frozen=True)
class RatingWork(Generic[ConfigT, TeacherT]):
    """The inputs of a rating by ``method``, and the folder that keeps what it makes.

    ``identity`` names those inputs that the result depends on; what is trained carries it.
    """

    method: str
    space: ChainSpace
    teacher: TeacherT
    data: ImageData
    config: ConfigT
    folder: Path
    identity: str
    compute: Compute

    @classmethod
    def of(
        cls,
        method: str,
        space: ChainSpace,
        teacher: TeacherT,
        data: ImageData,
        config: ConfigT,
        folder: Path,
        compute: Compute | None = None,
    ) -> Self:
        """The work with the identity that its inputs have."""
        compute, taught_by = compute or Compute(), [] if teacher is None else [teacher.digest]
        parts = [method, space.identity, *taught_by, data.digest, config.model_dump_json()]
        if compute.rounding or teacher is None:  # without a teacher, even an empty one has always been part of the identity
            parts.append(compute.rounding)
        return cls(method, space, teacher, data, config, folder, digest_of(" ".join(parts).encode()), compute)

    @property
    def short_name(self) -> str:
        """The beginning of the identity, for names of folders."""
        return self.identity.removeprefix("sha256:")[:8]

    @property
    def teacher_label(self) -> str:
        """The teacher, as rating tables name it."""
        return NO_TEACHER if self.teacher is None else f"{self.teacher.name} ({self.teacher.digest[:19]})"

    @property
    def data_label(self) -> str:
        """The images, as rating tables name them."""
        return f"{self.data.name} ({self.data.digest[:19]})"

    def check_space(self, space: ChainSpace) -> None:
        """Raises `TableError` unless this is a rating of a space, behind whatever head."""
        if self.space.digest != space.digest:
            raise TableError(f"{self.folder} is of space {self.space.name!r}, not {space.name!r}", "name another folder")

    def check_ratings(self, table: RatingTable) -> None:
        """Raises `TableError` unless the table is of this space and method, and was made with this teacher and these images."""
        table.check_space(self.space)
        facts = (
            ("method", table.rater, self.method),
            ("teacher", table.teacher, self.teacher_label),
            ("images", table.dataset, self.data_label),
        )
        for what, rated, here in facts:
            if rated != here:
                raise TableError(f"the {what} of the ratings, {rated}, are not those of the supernets, {here}", "rate again")

    def check_networks(self, architectures: Sequence[Architecture]) -> None:
        """Raises `UsageError` unless there are networks, all of this space."""
        for architecture in architectures:
            self.space.check(architecture)
        if not architectures:
            raise UsageError("there is no network to rate")

    def table(self, images: int, blocks: Iterable[BlockRatings]) -> RatingTable:
        """The ratings of all blocks, which so many images gave, as a record."""
        return RatingTable(
            provenance=Provenance.now(),
            space=self.space.name,
            space_digest=self.space.digest,
            method=self.method,
            teacher=self.teacher_label,
            dataset=self.data_label,
            images=images,
            blocks=tuple(blocks),
        )

    def table_of(self, ratings: Iterable[Sequence[float]]) -> RatingTable:
        """Ratings that have no standard errors, of the candidates of every block by position, as a record."""
        blocks = (BlockRatings.of(self.space, index, rated, [0.0] * len(rated)) for index, rated in enumerate(ratings))
        return self.table(len(self.data.rating), blocks)

    def write_run(self) -> None:
        """Writes beside what is trained what it is made from; nothing for a teacher that is in no file.

        Raises:
            UsageError: the folder belongs to other inputs.
        """
        teacher = None
        if self.teacher is not None:
            if self.teacher.path is None:
                return
            teacher = RunTeacher(file=str(self.teacher.path.resolve()), digest=self.teacher.digest)
        path = run_file(self.folder)
        if path.exists() and RatingRun.read(path).identity != self.identity:
            raise UsageError(f"{self.folder} was made from other settings, images or teacher", "give another folder")
        RatingRun(
            provenance=Provenance.now(),
            method=self.method,
            identity=self.identity,
            space=self.space.name,
            space_digest=self.space.digest,
            head=head_of(self.space),
            data=self.data.config.model_dump(mode="json"),
            data_digest=self.data.digest,
            config=self.config.model_dump(mode="json"),
            teacher=teacher,
        ).write(self.folder / FILE_NAME)


def run_file(folder: Path) -> Path:
    """The record of the rating in a folder, also where an earlier version wrote it."""
    former = folder / FORMER_FILE_NAME
    return former if former.exists() and not (folder / FILE_NAME).exists() else folder / FILE_NAME
