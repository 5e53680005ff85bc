"""The images of a data set by part and class, as folders or shards hold them. Nothing is decoded, hashed or divided yet."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dna_deploy.data.file_names import SplitName, readable
from dna_deploy.data.file_tree import LeftOut, Stamp
from dna_deploy.errors import UsageError
from dna_deploy.texts import decode_text

GROUPS_FILE, CLASSES_FILE = "groups.csv", "classes.txt"


class Sample(NamedTuple):
    """An encoded image: a file of its own, or a member of an archive, read without unpacking it."""

    root: str
    file: str
    stamp: Stamp
    label: str
    name: str
    """Its path from the data set's folder, and its name in the archive: ``cat/1.png``, ``train-0.tar:1.png``."""
    member: str = ""
    offset: int = 0
    size: int = -1

    def read_bytes(self) -> bytes:
        with open(os.path.join(self.root, self.file), "rb") as file:  # noqa: PTH118, PTH123 - names of any bytes, and fast
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return readable(os.path.join(self.root, self.name))  # noqa: PTH118


@dataclass(frozen=True)
class Listing:
    """What a folder holds. ``classes`` are those of the training images, in the order of the network's scores."""

    root: Path
    classes: tuple[str, ...]
    parts: Mapping[SplitName, Sequence[Sample]]
    left_out: LeftOut
    notices: tuple[str, ...] = ()
    groups: dict[str, str] = field(default_factory=dict)
    """Image -> group; images of one group stay in one part."""


def read_groups(root: Path) -> dict[str, str]:
    """Which images belong together, from ``groups.csv``: the path of an image and the name of its group, a line each.

    Raises:
        UsageError: the file cannot be read, or a line has not two values.
    """
    path = root / GROUPS_FILE
    if not path.exists():
        return {}
    groups = {}
    for number, row in enumerate(csv.reader(read_lines(path)), 1):
        if not "".join(row).strip():
            continue
        if len(row) != 2:
            raise UsageError(f"line {number} of {path} has {len(row)} values", "write IMAGE,GROUP such as cat/1.png,photo-7")
        groups[row[0].strip()] = row[1].strip()
    return groups


def read_lines(path: Path) -> list[str]:
    """The lines of a text file: UTF-8, or what its byte-order mark says.

    Raises:
        UsageError: it cannot be read, or is neither.
    """
    try:
        content = path.read_bytes()
        return decode_text(content).splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", "make it readable, or move it away") from error
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise UsageError(f"line {number} of {path} is not UTF-8", "save the file as UTF-8") from error
