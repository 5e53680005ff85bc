"""A folder with one folder of images a class, as ImageNet is laid out: ``train/CLASS/*`` and ``val/CLASS/*``.

Without ``train`` and ``val`` (or ``validation``, ``test``), every tenth image of a class is a test image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dna_deploy.data.decoding import decode
from dna_deploy.data.image_set import IMAGENET_NORMALISATION, Dataset, ImageSet, Normalisation, StoredImages
from dna_deploy.errors import UsageError
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.operations import FeatureMap

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
STORED_BYTES = 2 << 30
"""Sets up to this size are decoded once and kept in memory; larger ones are decoded whenever they are seen."""

_TEST_NAMES = ("val", "validation", "test")
_TEST_SHARE = 10
_LAYOUT = "the layout is train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"


@dataclass(frozen=True, eq=False)
class FolderImages:
    """Images that are decoded when they are asked for, by as many threads as there are processors."""

    paths: tuple[Path, ...]
    classes: npt.NDArray[np.int64]
    shape: FeatureMap

    def __len__(self) -> int:
        return len(self.paths)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda index: decode(self.paths[index], self.shape), indices.tolist()))
        return torch.from_numpy(np.stack(found))

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.classes[indices.numpy()])


def image_folder(folder: Path | None, shape: FeatureMap) -> Dataset:
    """The images under ``folder``, resized and centre-cropped to ``shape``.

    Raises:
        UsageError: no such folder, no images, fewer than two classes, or images that cannot be used.
    """
    if folder is None:
        raise UsageError("the data set 'image-folder' needs a folder", _LAYOUT)
    training, test, classes = _scan(folder)
    sets = [_image_set(part, shape) for part in (training, test)]
    names = [f"{path.relative_to(folder)} {path.stat().st_size}" for path, _ in (*training, *test)]
    digest = digest_of("\n".join((str(shape), *names)).encode())
    return Dataset(folder.name, digest, shape, classes, _normalisation(shape), sets[0], sets[1])


Files = Sequence[tuple[Path, int]]


def _scan(folder: Path) -> tuple[Files, Files, tuple[str, ...]]:
    """Training files, test files, classes."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", _LAYOUT)
    train = folder / "train"
    root = train if train.is_dir() else folder
    classes = tuple(path.name for path in _listed(root) if path.is_dir())
    if len(classes) < 2:
        raise UsageError(f"{root} has {len(classes)} folders of images; at least two classes are needed", _LAYOUT)
    files = _files(root, classes)
    test_root = next((folder / name for name in _TEST_NAMES if train.is_dir() and (folder / name).is_dir()), None)
    if test_root is not None:
        return files, _files(test_root, classes), classes
    every_tenth = [place % _TEST_SHARE == _TEST_SHARE - 1 for place in range(len(files))]
    return (
        [file for file, is_test in zip(files, every_tenth, strict=True) if not is_test],
        [file for file, is_test in zip(files, every_tenth, strict=True) if is_test],
        classes,
    )


def _files(root: Path, classes: tuple[str, ...]) -> Files:
    files = []
    for number, name in enumerate(classes):
        found = [path for path in _listed(root / name) if path.suffix.lower() in SUFFIXES]
        if not found:
            raise UsageError(f"{root / name} holds no images", f"known endings: {', '.join(sorted(SUFFIXES))}")
        files += [(path, number) for path in found]
    return files


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror or error}", _LAYOUT) from error


def _image_set(files: Files, shape: FeatureMap) -> ImageSet:
    images = FolderImages(tuple(path for path, _ in files), np.array([number for _, number in files], np.int64), shape)
    if len(images) * shape.elements > STORED_BYTES:
        return images
    return StoredImages(_decode_all(images), images.classes)


def _decode_all(images: FolderImages) -> npt.NDArray[np.uint8]:
    """Every image, or one error that counts all the broken ones."""
    broken: list[UsageError] = []
    pixels = np.empty((len(images), images.shape.channels, images.shape.height, images.shape.width), np.uint8)

    def fill(index: int) -> None:
        try:
            pixels[index] = decode(images.paths[index], images.shape)
        except UsageError as error:
            broken.append(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(len(images))))
    if broken:
        first = min(broken, key=lambda error: error.message)
        others = f" (and {len(broken) - 1} more files like it)" if len(broken) > 1 else ""
        raise UsageError(first.message + others, first.hint)
    return pixels


def _normalisation(shape: FeatureMap) -> Normalisation:
    return IMAGENET_NORMALISATION if shape.channels == 3 else Normalisation((0.5,) * shape.channels, (0.25,) * shape.channels)
