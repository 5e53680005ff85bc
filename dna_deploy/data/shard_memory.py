"""Remembers what lies in shards, so that archives which were not touched are not gone through again, member by member."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dna_deploy.data.file_tree import TreeFile
from dna_deploy.data.image_memory import SETTLED_NS
from dna_deploy.data.listing import Sample
from dna_deploy.errors import UsageError
from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import write_atomically

_VERSION = 1


class ShardIndex(NamedTuple):
    """The images of a shard in their order, labelled by number, and what it holds besides, by the reason to leave it out."""

    samples: list[Sample]
    left_out: Mapping[str, list[str]]


class ShardMemory:
    """The indices of a folder's shards, as a file in the cache. A shard is the one of before while its stamp is the same."""

    def __init__(self, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:24]
        self._path = cache_folder("images") / f"{name}-shards.json"
        self._remembered: dict[TreeFile, ShardIndex] = {}
        self._kept: dict[TreeFile, ShardIndex] = {}
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # damaged: made again
            content = json.loads(self._path.read_bytes())
            for name, stamp, rows, left_out in content["shards"] if content["version"] == _VERSION else ():
                shard = TreeFile(name, tuple(stamp))
                samples = [Sample(str(root), name, shard.stamp, label, f"{name}:{member}", member, int(offset), int(size))
                           for member, label, offset, size in rows]  # fmt: skip
                self._remembered[shard] = ShardIndex(samples, dict(left_out))

    def recall(self, shard: TreeFile) -> ShardIndex | None:
        """What lies in a shard; None if it was never read, or was touched since."""
        return self._remembered.get(shard)

    def keep(self, shard: TreeFile, index: ShardIndex) -> None:
        """Remembers a shard, unless it changed just now: a second change within the clock's resolution would go unseen."""
        if time.time_ns() - max(shard.stamp[1:3]) > SETTLED_NS:
            self._kept[shard] = index

    def save(self) -> None:
        """Writes what is kept, if it is news. A disk that is full costs another reading."""
        if self._kept.keys() == self._remembered.keys():
            return
        shards = [
            (*shard, [(sample.member, sample.label, sample.offset, sample.size) for sample in index.samples], index.left_out)
            for shard, index in self._kept.items()
        ]
        with suppress(UsageError):
            write_atomically(self._path, json.dumps({"version": _VERSION, "shards": shards}).encode())
