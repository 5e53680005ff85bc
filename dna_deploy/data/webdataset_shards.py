"""WebDataset shards in a folder: tar archives in which ``KEY.jpg`` and ``KEY.cls`` are an image and the number of its class.

The archives are indexed once and then read at any place, so that the fixed splits hold for them as for a folder of images;
streaming, which the package ``webdataset`` does, could not hold out the same images for good. ``train-*.tar`` are for
training and ``val-*.tar`` (or ``validation-*``, ``test-*``) for the test; where nothing is called so, every tenth image is a
test image. ``classes.txt``, a name a line, names the classes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.data.encoded_images import image_set, usual_normalisation
from dna_deploy.data.image_folder import SUFFIXES
from dna_deploy.data.image_set import Dataset
from dna_deploy.errors import UsageError
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.operations import FeatureMap

_LAYOUT = "the layout is train-0000.tar, val-0000.tar, ... with KEY.jpg and KEY.cls in them"
_TEST_NAMES = ("val", "validation", "test")
_TEST_SHARE = 10
_LABEL = "cls"


@dataclass(frozen=True)
class Member:
    """A file inside an archive, read without unpacking it."""

    shard: Path
    name: str
    offset: int
    size: int

    def read_bytes(self) -> bytes:
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def __str__(self) -> str:
        return f"{self.shard}:{self.name}"


Samples = list[tuple[Member, int]]


def webdataset_shards(folder: Path | None, shape: FeatureMap) -> Dataset:
    """The images in the shards of ``folder``, resized and centre-cropped to ``shape``.

    Raises:
        UsageError: no such folder, no shards, shards that are damaged, or images that cannot be used.
    """
    if folder is None:
        raise UsageError("the data set 'webdataset' needs a folder", _LAYOUT)
    shards = sorted(folder.glob("*.tar")) if folder.is_dir() else []
    if not shards:
        raise UsageError(f"there are no shards (*.tar) in {folder}", _LAYOUT)
    for_test = [shard for shard in shards if shard.name.partition("-")[0] in _TEST_NAMES]
    for_training = [shard for shard in shards if shard not in for_test]
    training, test = _samples(for_training), _samples(for_test)
    if not for_test:
        test = training[_TEST_SHARE - 1 :: _TEST_SHARE]
        training = [sample for place, sample in enumerate(training) if place % _TEST_SHARE != _TEST_SHARE - 1]
    if not training or not test:
        raise UsageError(f"{folder} holds {len(training)} training and {len(test)} test images", _LAYOUT)
    sets = [image_set(part, shape) for part in (training, test)]
    names = [f"{member.shard.name} {member.name} {member.size} {label}" for member, label in (*training, *test)]
    digest = digest_of("\n".join((str(shape), *names)).encode())
    classes = _classes(folder, max(label for _, label in (*training, *test)) + 1)
    return Dataset(folder.name, digest, shape, classes, usual_normalisation(shape), sets[0], sets[1])


def _samples(shards: Sequence[Path]) -> Samples:
    return [sample for shard in shards for sample in _samples_of(shard)]


def _samples_of(shard: Path) -> Samples:
    """The images of one archive and their classes, in their order; files of other kinds are left alone."""
    images: dict[str, Member] = {}
    labels: dict[str, Member] = {}
    for member in _members(shard):
        folder, _, base = member.name.rpartition("/")
        stem, _, ending = base.partition(".")  # a key ends at the first dot, as in the package
        key = f"{folder}/{stem}"
        if ending.lower() == _LABEL:
            labels[key] = member
        elif f".{ending.lower()}" in SUFFIXES:
            images[key] = member
    for key, image in images.items():
        if key not in labels:
            raise UsageError(f"{image} has no class: there is no {key.strip('/')}.{_LABEL} beside it", _LAYOUT)
    return [(image, _label(labels[key])) for key, image in images.items()]


def _members(shard: Path) -> list[Member]:
    try:
        with tarfile.open(shard, "r:") as archive:
            members = [Member(shard, found.name, found.offset_data, found.size) for found in archive if found.isfile()]
    except (OSError, tarfile.TarError) as error:
        raise UsageError(f"{shard} is no tar archive: {error}", "shards are plain tar files, not compressed") from error
    if members and members[-1].offset + members[-1].size > shard.stat().st_size:
        raise UsageError(f"{shard} is truncated in {members[-1].name}", "copy it again")
    return members


def _label(member: Member) -> int:
    text = member.read_bytes().decode(errors="replace").strip()
    if not text.isdecimal():
        raise UsageError(f"{member} holds {text[:20]!r}, not the number of a class", _LAYOUT)
    return int(text)


def _classes(folder: Path, count: int) -> tuple[str, ...]:
    """The names of the classes, or their numbers where nothing names them."""
    try:
        names = (folder / "classes.txt").read_text().split("\n")
    except OSError:
        return tuple(map(str, range(count)))
    found = tuple(name.strip() for name in names if name.strip())
    if len(found) < count:
        raise UsageError(f"{folder / 'classes.txt'} names {len(found)} classes; there are labels up to {count - 1}")
    return found
