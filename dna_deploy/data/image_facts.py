"""What is true of every image file: its digest, whether it can be read, what is unusual. Found once, then remembered.

A file is the one that was read before while its size, times and inode are the same. A file that changed within the last
moments is not remembered: a second change within the clock's resolution would go unseen.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import PIL

from dna_deploy.data.decoding import READS_HEIC, UNREADABLE, opened, reason
from dna_deploy.data.file_tree import NOWHERE
from dna_deploy.data.listing import Sample
from dna_deploy.data.rendering import Rendering, as_mode, deep_values, is_deep, is_transparent, turn_of
from dna_deploy.errors import UsageError
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import write_atomically

TURNED, TRANSPARENT, INTEGERS, FLOATS, PLAIN = "turned", "transparent", "integers", "floats", "plain"
"""Remarks: an orientation other than upright, transparency, deep values, and one that shows (nearly) nothing."""

_VERSION = f"1, Pillow {PIL.__version__}{', HEIC' * READS_HEIC}"
_SETTLED_NS = 2_000_000_000
_CHUNK = 1024
_SAVE_SECONDS = 20
_PLAIN_SPAN, _NEARLY_BLACK, _NEARLY_WHITE = 2, 8, 247


class Facts(NamedTuple):
    """Of one image: ``problem`` is empty where it can be read; the range is that of deep values."""

    digest: str
    problem: str = ""
    remarks: tuple[str, ...] = ()
    lowest: float = 0.0
    highest: float = 0.0
    is_lasting: bool = True
    """Whether it follows from the bytes alone."""


def image_facts(root: Path, samples: Sequence[Sample], most_megapixels: float, on_progress: OnProgress = silent) -> list[Facts]:
    """The facts of all images, in their order; those that were not touched since they were read are not read again."""
    memory = _Memory(root)
    facts = [memory.get(sample) for sample in samples]
    unread = [index for index, fact in enumerate(facts) if fact is None]
    saved = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(unread), _CHUNK):
            chunk = unread[start : start + _CHUNK]
            for index, fact in zip(chunk, pool.map(partial(_read, samples, most_megapixels), chunk), strict=True):
                facts[index] = fact
                memory.add(samples[index], fact)
            on_progress(Progress("checking images", start + len(chunk), len(unread)))
            if time.monotonic() - saved > _SAVE_SECONDS:
                memory.save()
                saved = time.monotonic()
    if unread:
        memory.save()
    return [fact for fact in facts if fact is not None]


def known_facts(root: Path, samples: Sequence[Sample]) -> list[Facts | None]:
    """The facts that are remembered, None for images that were never read or were touched since; nothing is read."""
    memory = _Memory(root)
    return [memory.get(sample) for sample in samples]


class _Memory:
    """A file in the cache with the facts of the images below one folder."""

    def __init__(self, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:24]
        self._path = cache_folder("images") / f"{name}.json"
        self._rows: dict[str, list[object]] = {}
        with suppress(OSError, ValueError, TypeError, LookupError):  # what is damaged is made again
            content = json.loads(self._path.read_bytes())
            self._rows = content["images"] if content["version"] == _VERSION else {}

    def get(self, sample: Sample) -> Facts | None:
        row = self._rows.get(sample.name)
        if not row or row[0] != [*sample.stamp]:
            return None
        _, digest, problem, remarks, lowest, highest = row
        return Facts(digest, problem, tuple(remarks), lowest, highest)  # type: ignore[arg-type]

    def add(self, sample: Sample, facts: Facts) -> None:
        if facts.is_lasting and time.time_ns() - max(sample.stamp[1:3]) > _SETTLED_NS:
            self._rows[sample.name] = [sample.stamp, *facts[:-1]]

    def save(self) -> None:
        content = json.dumps({"version": _VERSION, "images": self._rows}, separators=(",", ":"))
        with suppress(UsageError):  # a full disk costs a reading next time
            write_atomically(self._path, content.encode())


def _read(samples: Sequence[Sample], most_megapixels: float, index: int) -> Facts:
    sample = samples[index]
    if sample.stamp == NOWHERE:
        return Facts("", "is a link that leads nowhere", is_lasting=False)
    try:
        content = sample.read_bytes()
    except OSError as error:
        return Facts("", f"cannot be read ({error.strerror or error})", is_lasting=False)
    digest = hashlib.sha256(content).hexdigest()[:32]
    try:
        with opened(content, most_megapixels, is_reduced=True) as image:
            remarks = [TURNED] * (turn_of(image) != 1) + [TRANSPARENT] * is_transparent(image)
            lowest = highest = 0.0
            if is_deep(image):
                values = deep_values(image)
                lowest, highest = float(values.min()), float(values.max())
                remarks.append(FLOATS if image.mode == "F" else INTEGERS)
            low, high = as_mode(image, "L", Rendering()).getextrema()
    except UNREADABLE as error:
        is_by_limit = "the limit" in str(error)
        return Facts(digest, reason(error), is_lasting=not (is_by_limit or isinstance(error, MemoryError)))
    if high - low <= _PLAIN_SPAN or high <= _NEARLY_BLACK or low >= _NEARLY_WHITE:  # type: ignore[operator]
        remarks.append(PLAIN)
    return Facts(digest, "", tuple(remarks), lowest, highest)
