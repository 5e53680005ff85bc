"""Labelled pictures of packages that registries hold, as data sets: emoji of four vendors, stamps, a photograph a class.

Emoji (npm, `emoji-datasource-VENDOR` 16.0.0, the archives as `npm pack` writes them) and stamps (Debian,
`tuxpaint-stamps-default`, unpacked) lie on light backgrounds at a place of chance. What shows the same, such as a
picture and its mirror, an emoji of several vendors or of several genders, is in one part alone.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.rows import waiting
from dna_deploy.data.image_set import IMAGENET_NORMALISATION, Dataset, StoredImages
from dna_deploy.data.strata import Strata
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap

_TEST = 0.25
"""Of the groups."""

_LIGHT = (200, 256)

_NEUTRAL = (("-200d-2640-fe0f", ""), ("-200d-2642-fe0f", ""), ("1f468", "1f9d1"), ("1f469", "1f9d1"))
"""What tells the genders of an emoji apart in its name."""


class Picture(NamedTuple):
    """Before it has a background."""

    label: str
    group: str
    image: Image.Image


def emoji(folder: Path) -> Iterator[Picture]:
    """Pictures of 64x64 out of ``emoji-datasource-*.tgz``; their categories are the classes."""
    for archive in _some(folder.glob("emoji-datasource-*.tgz"), folder, "emoji-datasource-*.tgz"):
        contents = _contents(archive, lambda name: "/64/" in name or name == "package/emoji.json")
        images = {name.rpartition("/")[2]: content for name, content in contents.items()}
        for entry in json.loads(images["emoji.json"]):
            if entry["image"] not in images or entry["category"] in {"Flags", "Component"}:
                continue
            group = entry["unified"].lower()
            for word, neutral in _NEUTRAL:
                group = group.replace(word, neutral)
            yield Picture(entry["category"], group, Image.open(io.BytesIO(images[entry["image"]])))


def stamps(folder: Path, classes: int = 8) -> Iterator[Picture]:
    """The largest subjects of ``share/tuxpaint/stamps``."""
    (root,) = _some(folder.glob("**/tuxpaint/stamps"), folder, "tuxpaint/stamps")
    paths = sorted(root.rglob("*.png"))
    subjects = Counter(path.relative_to(root).parts[0] for path in paths)
    largest = {subject for subject, _ in subjects.most_common(classes)}
    for path in paths:
        subject = path.relative_to(root).parts[0]
        if subject in largest:
            group = re.sub(r"(_mirror|_flip|[-_]?\d+)+$", "", path.stem)
            yield Picture(subject, f"{subject}/{group}", Image.open(path))


def dataset(name: str, pictures: Callable[[Path], Iterator[Picture]], folder: Path, size: int, kept: Path) -> Dataset:
    """Pictures at ``(3, size, size)``, groups divided for good; what was made before is read from ``kept``."""
    with waiting(kept):
        if not kept.exists():
            drawn = [(each.label, each.group, _on_light(each, size)) for each in pictures(folder)]
            labels, groups, pixels = zip(*drawn, strict=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            with kept.with_suffix(".part").open("wb") as file:
                np.savez(file, pixels=np.stack(pixels), labels=np.array(labels), groups=np.array(groups))
            kept.with_suffix(".part").rename(kept)
    stored = np.load(kept)
    classes, labels = np.unique(stored["labels"], return_inverse=True)
    names, groups = np.unique(stored["groups"], return_inverse=True)
    is_tested = np.array([zlib.crc32(group.encode()) % 1000 < 1000 * _TEST for group in names.tolist()])[groups]
    training, test = (StoredImages(stored["pixels"][part], labels[part]) for part in (~is_tested, is_tested))
    return Dataset(
        name=name, digest=training.digest, shape=FeatureMap(3, size, size), classes=tuple(classes.tolist()),
        normalisation=IMAGENET_NORMALISATION, training=training, test=test,
        strata=Strata(labels[~is_tested], groups[~is_tested]),
    )  # fmt: skip


def photographs(folder: Path, size: int) -> Dataset:
    """The shard of `imagenet_sample`: half of the classes to train, rate and choose with, the others to judge by."""
    (shard,) = _some(folder.glob("*.tar"), folder, "one shard")
    contents = _contents(shard, lambda name: name.endswith((".jpg", ".cls")))
    names = sorted(name.removesuffix(".jpg") for name in contents if name.endswith(".jpg"))
    pixels = np.stack([_cropped(Image.open(io.BytesIO(contents[f"{name}.jpg"])).convert("RGB"), size) for name in names])
    labels = np.array([int(contents[f"{name}.cls"]) for name in names])
    order = np.random.default_rng(0).permutation(len(pixels))
    half = len(order) // 2
    training, test = (StoredImages(pixels[part], labels[part]) for part in (order[:half], order[half:]))
    return Dataset(
        name="imagenet sample", digest=training.digest, shape=FeatureMap(3, size, size),
        classes=tuple(map(str, range(1000))), normalisation=IMAGENET_NORMALISATION, training=training, test=test,
    )  # fmt: skip


def _contents(archive: Path, is_wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Files of an archive by name, read in the order in which they lie there."""
    contents = {}
    with tarfile.open(archive) as members:
        for member in members:
            if member.isfile() and is_wanted(member.name) and (file := members.extractfile(member)) is not None:
                contents[member.name] = file.read()
    return contents


def _some(paths: Iterator[Path], folder: Path, what: str) -> list[Path]:
    listed = sorted(paths)
    if not listed:
        raise UsageError(f"there is no {what} in {folder}", "see benchmarks/README.md for where pictures come from")
    return listed


def _on_light(picture: Picture, size: int) -> np.ndarray:
    """``(3, size, size)`` bytes: the picture in two thirds of the edge."""
    rng = np.random.default_rng(zlib.crc32(f"{picture.group} {picture.image.size}".encode()))
    image = picture.image.convert("RGBA")
    edge = 2 * size // 3
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (size, size), (*rng.integers(*_LIGHT, 3).tolist(), 255))
    canvas.alpha_composite(image, tuple(int(rng.integers(0, size - length + 1)) for length in image.size))
    return np.asarray(canvas.convert("RGB")).transpose(2, 0, 1)


def _cropped(image: Image.Image, size: int) -> np.ndarray:
    """``(3, size, size)`` bytes: the middle, as networks are usually judged (224 of 256)."""
    scale = size / 0.875 / min(image.size)
    image = image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.BICUBIC)
    left, top = ((length - size) // 2 for length in image.size)
    return np.asarray(image.crop((left, top, left + size, top + size))).transpose(2, 0, 1)
