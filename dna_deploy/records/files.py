"""Reads, validates and writes record files. A record is one JSON object that names its kind, schema version and digest.

Writing is atomic: a reader sees the old file or the new one, also after a power cut, and a failure leaves no half-written
file. What `write_atomically` has written before it returns, a power cut does not take away.
"""

from __future__ import annotations

import errno
import hashlib
import json
import operator
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from dna_deploy import __version__
from dna_deploy.errors import TableError, UsageError


def equal_to(default: object) -> Callable[[object], bool]:
    """For ``exclude_if``: a later field is left out where it says nothing new, so that older files keep their digests."""
    return partial(operator.eq, default)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a whole file or nothing.

    Raises:
        UsageError: the folder cannot be written or the disk is full.
    """
    try:
        make_folder(path.parent)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                temporary.chmod(0o644)
                settle(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some space, or choose another folder" if is_full else "choose another folder"
        raise UsageError(f"cannot write {path}: {error.strerror or error}", hint) from error


def check_name(path: Path) -> None:
    """Raises `UsageError` where a name is not UTF-8: neither safetensors nor ONNX Runtime opens what lies there."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UsageError(f"the name {path} is not UTF-8, which weights and models need", "choose another name") from None


def settle(file: Path, path: Path) -> None:
    """Moves a finished file, or a folder of files, to its place for good: first what it holds is on the disk, then its name."""
    for inside in file.iterdir() if file.is_dir() else ():
        _sync(inside)
    _sync(file)
    file.replace(path)
    with suppress(OSError):  # some file systems cannot sync a folder
        _sync(path.parent)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it that are missing, for good."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    with suppress(OSError):
        _sync(folder.parent)


def check_writable(folder: Path) -> None:
    """Makes a folder, and raises `UsageError` where nothing can be written into it, before there is anything to lose."""
    try:
        make_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}", "choose another folder") from error


def _sync(path: Path) -> None:
    """Brings what a file holds, or which names a folder holds, from the system's memory to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


_READ_HINTS: dict[type[OSError], str] = {
    FileNotFoundError: "is that its name?",
    IsADirectoryError: "give the file in it",
    PermissionError: "make it readable",
}


def read_bytes(path: Path, what: str) -> bytes:
    """The content of a file that the user named."""
    try:
        return path.read_bytes()
    except OSError as error:
        hint = _READ_HINTS.get(type(error), "")
        raise TableError(f"cannot read {what} {path}: {error.strerror or error}", hint) from error


def digest_of(content: bytes) -> str:
    """The digest of some bytes, as it stands in files."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Part(BaseModel):
    """A value inside a record: frozen, strict about unknown keys, NaN and infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Provenance(Part):
    """Where a record comes from."""

    created_at: str
    tool_version: str
    python_version: str
    host: str
    command: str

    @classmethod
    def now(cls) -> Self:
        """The provenance of a record made by this process at this moment."""
        return cls(
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            tool_version=__version__,
            python_version=platform.python_version(),
            host=platform.node(),
            command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        )


Migration: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""What a file of one version says, as the next version says it. It changes nothing that it is given."""


class Record(Part):
    """A file that one room writes and another reads.

    A change that an older version could not read raises ``SCHEMA_VERSION``, and ``MIGRATIONS`` gets the function that turns
    a file of the version before into one of the new version. Files of every version stay readable.
    """

    KIND: ClassVar[str]
    FORMER_KINDS: ClassVar[tuple[str, ...]] = ()
    """Kinds of the first version that are this one now."""
    SCHEMA_VERSION: ClassVar[int] = 1
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({})
    """From each older version, the step to the next."""

    provenance: Provenance

    def content(self) -> bytes:
        """The file's bytes: one JSON object whose ``digest`` covers everything else in it."""
        body = {"kind": self.KIND, "schema_version": self.SCHEMA_VERSION, **self.model_dump(mode="json")}
        return (json.dumps({"digest": _body_digest(body), **body}, indent=1) + "\n").encode()

    @cached_property
    def digest(self) -> str:
        """Names the record: as the file does that it was read from, whatever version wrote it, or as `write` will."""
        return str(json.loads(self.content())["digest"])

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; with changes it is another record, of another digest."""
        copy = super().model_copy(update=update, deep=deep)
        for cached in set(vars(copy)) - set(type(self).model_fields) if update else ():
            del vars(copy)[cached]
        return copy

    def write(self, path: Path) -> None:
        """Writes the record atomically."""
        write_atomically(path, self.content())

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """The record in a file.

        Raises:
            TableError: the file is missing, damaged, edited by hand, of another kind, or of a newer version.
        """
        return cls.parse(read_bytes(Path(path), cls.KIND), str(path))

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """The record in some bytes; ``name`` says in errors where they came from."""
        body = _json_object(content, name)
        if (kind := body.get("kind")) not in (cls.KIND, *cls.FORMER_KINDS):
            raise TableError(f"{name} is {f'a {kind!r}' if kind else 'no file of dna-deploy'}, not a {cls.KIND!r}")
        version = _version(body, cls.SCHEMA_VERSION, name)
        digest = body.pop("digest", None)
        if digest != _body_digest(body):
            raise TableError(f"{name} does not match its own digest", "it was edited or damaged; make it again")
        del body["kind"], body["schema_version"]
        try:
            for step in range(version, cls.SCHEMA_VERSION):
                body = cls.MIGRATIONS[step](body)
            record = cls.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the record"
            raise TableError(f"{name} is not a valid {cls.KIND}: {place}: {first['msg']}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise TableError(f"{name} is not a valid {cls.KIND} of version {version}: {error!r}") from error
        vars(record)["digest"] = digest
        return record


def _version(body: dict[str, Any], newest: int, name: str) -> int:
    """The schema version of a file that this version of the tool can read."""
    version = body.get("schema_version")
    if type(version) is not int or version < 1:
        raise TableError(f"{name} has no schema version, but {version!r}", "it is damaged; make it again")
    if version > newest:
        raise TableError(
            f"{name} has schema version {version}; this dna-deploy {__version__} reads up to version {newest}",
            "upgrade dna-deploy, or make the file again",
        )
    return version


def _json_object(content: bytes, name: str) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TableError(f"{name} is not JSON: {error}", "it is truncated or damaged; make it again") from error
    if not isinstance(body, dict):
        raise TableError(f"{name} is not a record: it holds a {type(body).__name__}")
    return body


def _body_digest(body: dict[str, Any]) -> str:
    return digest_of(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
