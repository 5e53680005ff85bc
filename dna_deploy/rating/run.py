"""Opens a folder of supernets again, with everything they were made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data
from dna_deploy.errors import TableError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.teacherless import method_in
from dna_deploy.rating.work import BlockWork
from dna_deploy.records.files import Provenance
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.spaces.catalog import find_chain

FILE_NAME = "rating-run.json"
SET = "set-"
"""What folders of further sets of supernets begin with."""


def write_run(work: BlockWork) -> None:
    """Writes beside the supernets what they are made from; nothing for a teacher that is in no file."""
    if work.teacher.path is None:
        return
    RatingRun(
        provenance=Provenance.now(),
        identity=work.identity,
        space=work.space.name,
        space_digest=work.space.digest,
        classes=work.space.classes,
        data=work.data.config.model_dump(mode="json"),
        data_digest=work.data.digest,
        config=work.config.model_dump(mode="json"),
        teacher_file=str(work.teacher.path.resolve()),
        teacher_digest=work.teacher.digest,
    ).write(work.folder / FILE_NAME)


def open_run(folder: Path, compute: Compute | None = None) -> BlockWork:
    """The work whose supernets are in a folder.

    Raises:
        TableError: there is none, or its space, images or teacher are not what they were.
    """
    if method := method_in(folder):
        raise TableError(f"{folder} holds a supernet of {method}, not blocks that a teacher taught", "name another folder")
    run = RatingRun.read(folder / FILE_NAME)
    space = find_chain(run.space).with_classes(run.classes)
    teacher = load_teacher(Path(run.teacher_file))
    data = load_data(DataConfig.model_validate(run.data), space.input)
    config = RatingConfig.model_validate(run.config)
    found = {"space": space.digest, "teacher": teacher.digest, "images": data.digest}
    wanted = {"space": run.space_digest, "teacher": run.teacher_digest, "images": run.data_digest}
    for name, digest in found.items():
        if digest != wanted[name]:
            raise TableError(
                f"the {name} behind the supernets in {folder} changed ({wanted[name][:19]} -> {digest[:19]})", "rate again"
            )
    return BlockWork(space, teacher, data, config, folder, run.identity, compute or Compute())


def open_sets(folder: Path, compute: Compute | None = None) -> tuple[BlockWork, ...]:
    """The work whose supernets are in a folder, and those of the further sets inside it.

    Raises:
        TableError: as `open_run`; or a further set is of another teacher or of other images.
    """
    works = [first := open_run(folder, compute)]
    for path in sorted(folder.glob(f"{SET}*/{FILE_NAME}")):
        run = RatingRun.read(path)
        if (run.teacher_digest, run.data_digest) != (first.teacher.digest, first.data.digest):
            raise TableError(
                f"{path.parent} holds supernets of another teacher, or of other images", "remove it, or rate again"
            )
        config = RatingConfig.model_validate(run.config)
        works.append(replace(first, config=config, folder=path.parent, identity=run.identity))
    return tuple(works)
