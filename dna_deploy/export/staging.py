"""A folder that appears as a whole or not at all: work goes to a hidden folder beside it and moves over at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dna_deploy.errors import UsageError
from dna_deploy.records.files import check_name, make_folder, settle


@contextmanager
def staged(folder: Path, *, replace: bool = False) -> Iterator[Path]:
    """Gives a folder to work in; it becomes ``folder`` if the work succeeds, and vanishes if it fails.

    Args:
        folder: Where the files shall be.
        replace: Allow ``folder`` to hold files already; those of the same names are replaced, one by one.

    Raises:
        UsageError: the folder holds something, cannot be written, or has a name that is not UTF-8.
    """
    check_name(folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file", "choose a folder")
        if folder.exists() and any(folder.iterdir()) and not replace:
            raise UsageError(f"the folder {folder} is not empty", "choose another one, or replace what is there with --replace")
        make_folder(folder.parent)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}", "choose another folder") from error
    try:
        yield work
        _move(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(work: Path, folder: Path) -> None:
    try:
        if not folder.exists() or not any(folder.iterdir()):
            work.chmod(0o755)
            settle(work, folder)
            return
        for path in sorted(work.iterdir()):
            settle(path, folder / path.name)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}", "choose another folder") from error
