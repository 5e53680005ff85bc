"""Shards: tar archives of images and labels, and of whatever else a test puts into them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.data.inputs.pictures import noise


def tar_of(path: Path, files: Mapping[str, bytes]) -> None:
    """An archive of these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def shard(path: Path, labels: Iterable[int], seed: int = 0) -> Path:
    """An archive with an image of noise for each label; the folder it lies in."""
    files: dict[str, bytes] = {}
    for number, label in enumerate(labels):
        files[f"{number:04d}.png"] = noise(seed + number)
        files[f"{number:04d}.cls"] = str(label).encode()
    tar_of(path, files)
    return path.parent
