"""Everything that a rating without a teacher is made from; and the folder that holds its supernet, opened again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.errors import TableError
from dna_deploy.learning.compute import Compute
from dna_deploy.records.files import Part, Provenance, digest_of
from dna_deploy.records.supernet_run import SupernetRun
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace

FILE_NAME = "supernet-run.json"

ConfigT = TypeVar("ConfigT", bound=Part)


@dataclass(frozen=True)
class TeacherlessWork(Generic[ConfigT]):
    """The inputs of a rating by ``method``, and the folder that keeps what it makes."""

    method: str
    space: ChainSpace
    data: ImageData
    config: ConfigT
    folder: Path
    compute: Compute

    @property
    def identity(self) -> str:
        """Names everything that the result depends on."""
        parts = f"{self.method} {self.space.digest} {self.data.digest} {self.config.model_dump_json()} {self.compute.rounding}"
        return digest_of(parts.encode())

    @property
    def short_name(self) -> str:
        """The beginning of the identity, for names of folders."""
        return self.identity.removeprefix("sha256:")[:8]

    @property
    def data_label(self) -> str:
        """The images, as rating tables name them."""
        return f"{self.data.name} ({self.data.digest[:19]})"

    def write_run(self) -> None:
        """Writes beside the supernet what it is made from."""
        SupernetRun(
            provenance=Provenance.now(),
            method=self.method,
            identity=self.identity,
            space=self.space.name,
            space_digest=self.space.digest,
            classes=self.space.classes,
            data=self.data.config.model_dump(mode="json"),
            data_digest=self.data.digest,
            config=self.config.model_dump(mode="json"),
        ).write(self.folder / FILE_NAME)


def open_teacherless(
    folder: Path, method: str, config: type[ConfigT], compute: Compute | None = None
) -> TeacherlessWork[ConfigT]:
    """The work whose supernet is in a folder.

    Raises:
        TableError: there is none, it is of another method, or its space or images are not what they were.
    """
    run = SupernetRun.read(folder / FILE_NAME)
    if run.method != method:
        raise TableError(f"{folder} holds a supernet of {run.method}, not of {method}", "name another folder, or rate again")
    space = find_chain(run.space).with_classes(run.classes)
    data = load_data(DataConfig.model_validate(run.data), space.input)
    for name, found, wanted in (("space", space.digest, run.space_digest), ("images", data.digest, run.data_digest)):
        if found != wanted:
            changed = f"({wanted[:19]} -> {found[:19]})"
            raise TableError(f"the {name} behind the supernet in {folder} changed {changed}", "rate again")
    return TeacherlessWork(method, space, data, config.model_validate(run.config), folder, compute or Compute())


def method_in(folder: Path) -> str | None:
    """Which method without a teacher left its supernet in a folder; None for a folder of block supernets."""
    path = folder / FILE_NAME
    return SupernetRun.read(path).method if path.exists() else None
