"""A folder with one folder of images a class, as ImageNet is laid out: ``train/CLASS/*`` and ``val/CLASS/*``.

Without ``train`` and ``val`` (or ``validation``, ``test``), every tenth image of a class is a test image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dna_deploy.data.encoded_images import image_set, usual_normalisation
from dna_deploy.data.image_set import Dataset
from dna_deploy.errors import UsageError
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.operations import FeatureMap

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_TEST_NAMES = ("val", "validation", "test")
_TEST_SHARE = 10
_LAYOUT = "the layout is train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"


def image_folder(folder: Path | None, shape: FeatureMap) -> Dataset:
    """The images under ``folder``, resized and centre-cropped to ``shape``.

    Raises:
        UsageError: no such folder, no images, fewer than two classes, or images that cannot be used.
    """
    if folder is None:
        raise UsageError("the data set 'image-folder' needs a folder", _LAYOUT)
    training, test, classes = _scan(folder)
    sets = [image_set(part, shape) for part in (training, test)]
    names = [f"{path.relative_to(folder)} {path.stat().st_size}" for path, _ in (*training, *test)]
    digest = digest_of("\n".join((str(shape), *names)).encode())
    return Dataset(folder.name, digest, shape, classes, usual_normalisation(shape), sets[0], sets[1])


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
