"""One process at a time at work in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dna_deploy.errors import UsageError
from dna_deploy.records.files import make_folder


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keeps a second process out of a folder. The system drops the lock of a process that dies."""
    try:
        make_folder(folder)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(f"another run is at work in {folder}", "wait for it, or choose another folder") from None
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}", "choose another folder") from error
    try:
        yield
    finally:
        lock.release()
