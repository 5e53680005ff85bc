"""Remembers what was found out about image files, so that a hundred thousand of them are known again within a second.

A file is the one that was read before while its size, times and inode are the same. A file that changed within the last
moments is not remembered: a second change within the clock's resolution would go unseen.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import PIL

from dna_deploy.data.decoding import READS_HEIC
from dna_deploy.data.file_tree import Stamp
from dna_deploy.data.listing import Sample
from dna_deploy.errors import UsageError
from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import write_atomically

_VERSION = f"3, Pillow {PIL.__version__}{', HEIC' * READS_HEIC}"
SETTLED_NS = 2_000_000_000


def memory_file(root: Path, *besides: object) -> Path:
    """Where something about a folder of images is remembered; ``besides`` is what it follows from besides the bytes."""
    name = " ".join([os.path.realpath(root), *map(str, besides)])
    return cache_folder("images") / hashlib.sha256(os.fsencode(name)).hexdigest()[:24]


def is_settled(stamp: Stamp) -> bool:
    """Whether a file is old enough to be remembered by its stamp."""
    return time.time_ns() - max(stamp[1:3]) > SETTLED_NS


class ImageFacts(NamedTuple):
    """Of one image: ``problem`` is empty where it can be read; the range is that of deep values."""

    digest: str
    problem: str = ""
    remarks: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 0.0
    is_lasting: bool = True
    """Whether it follows from the bytes alone."""


class ImageMemory:
    """A file of names, stamps and digests in columns, and of whatever else is true of a few of the images."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, BadZipFile):  # damaged: made again
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as columns:
                about = json.loads(columns["about"].tobytes())
                names = columns["names"].tobytes().decode("utf-8", "surrogatepass").split("\0")
                self._stamps, digests = columns["stamps"], columns["digests"].tobytes().decode("ascii").split()
            if about["version"] == _VERSION and len(names) == len(self._stamps) == len(digests):
                self._facts = [*map(ImageFacts, digests)]
                for place, (problem, remarks, *ends) in about["details"].items():
                    self._facts[int(place)] = ImageFacts(self._facts[int(place)].digest, problem, tuple(remarks), *ends)
                self._names = names

    def recall(self, samples: Sequence[Sample]) -> list[ImageFacts | None]:
        """What is remembered of images, None for those that were never read, or were touched since."""
        if not self._names:
            return [None] * len(samples)
        names = [sample.name for sample in samples]
        places = np.arange(len(names))
        if names != self._names:
            place_of = {name: place for place, name in enumerate(self._names)}
            places = np.array([place_of.get(name, -1) for name in names], np.int64)
        is_same = (places >= 0) & (self._stamps[places] == _stamps(samples))
        return [self._facts[place] if same else None for place, same in zip(places.tolist(), is_same.tolist(), strict=True)]

    def save(self, samples: Sequence[Sample], facts: Sequence[ImageFacts | None]) -> None:
        """Remembers images instead of what was remembered. A disk that is full costs a reading next time."""
        rows = [
            (sample, fact)
            for sample, fact in zip(samples, facts, strict=True)
            if fact is not None and fact.is_lasting and is_settled(sample.stamp)
        ]
        details = {place: fact[1:5] for place, (_, fact) in enumerate(rows) if fact.problem or fact.remarks}
        about = json.dumps({"version": _VERSION, "details": details}).encode()
        names = "\0".join(sample.name for sample, _ in rows).encode("utf-8", "surrogatepass")
        content = io.BytesIO()
        np.savez(
            content,
            about=np.frombuffer(about, np.uint8),
            names=np.frombuffer(names, np.uint8),
            stamps=_stamps([sample for sample, _ in rows]),
            digests=np.frombuffer(" ".join(fact.digest for _, fact in rows).encode(), np.uint8),
        )
        with suppress(UsageError):
            write_atomically(self._path, content.getvalue())


def _stamps(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """A word each: inodes and far times may be larger than one."""
    return np.fromiter((hash(sample.stamp) for sample in samples), np.int64, len(samples))
