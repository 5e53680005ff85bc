"""Remembers what lies in shards, so that archives which were not touched are not gone through again, member by member."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dna_deploy.data.file_tree import TreeFile
from dna_deploy.data.image_memory import is_settled, memory_file
from dna_deploy.data.listing import Sample
from dna_deploy.errors import UsageError
from dna_deploy.records.files import write_atomically

_VERSION = 1
"""Of the rule by which members become images, too: where `shard_listing` reads archives otherwise, this goes up."""


class ShardIndex(NamedTuple):
    """The images of a shard in their order, labelled by number, and what it holds besides, by the reason to leave it out."""

    samples: list[Sample]
    left_out: Mapping[str, list[str]]


class ShardMemory:
    """The indices of a folder's shards, as a file in the cache. A shard is the one of before while its stamp is the same."""

    def __init__(self, root: Path) -> None:
        self._path = memory_file(root, "shards").with_suffix(".json")
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
        if is_settled(shard.stamp):
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
