"""Fashion-MNIST (Xiao et al., arXiv 1708.07747): 60,000 + 10,000 grey images of 28x28, ten classes of clothes.

Found in a folder that the user names, where Debian's package puts it, or in a cache; downloaded only where none has it.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from dna_deploy.data.image_set import AS_FOLDER, Dataset, Normalisation, StoredImages
from dna_deploy.errors import UsageError
from dna_deploy.records.cache import cache_folder, cache_places
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.shapes import FeatureMap

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package ``dataset-fashion-mnist`` puts the files."""

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_HINT = "on Debian: apt-get install dataset-fashion-mnist; elsewhere give the folder of the four IDX files"
_NORMALISATION = Normalisation((0.2860,), (0.3530,))  # mean and deviation of the training images


def fashion_mnist(folder: Path | None, shape: FeatureMap) -> Dataset:
    """The data set from ``folder``, or from wherever it is found.

    Raises:
        UsageError: it is nowhere, damaged, or the space takes images of another shape.
    """
    if shape != FeatureMap(1, 28, 28):
        raise UsageError(f"fashion-mnist has images of 1x28x28; the space takes {shape}", f"use --space fashion{AS_FOLDER}")
    folder = folder or _find()
    training, test = _read_set(folder, "train"), _read_set(folder, "t10k")
    digest = digest_of(f"{training.digest} {test.digest}".encode())
    return Dataset("fashion-mnist", digest, shape, CLASSES, _NORMALISATION, training, test)


def _find() -> Path:
    inside = Path("FashionMNIST", "raw")  # torchvision's layout
    for folder in (SYSTEM_FOLDER, *(place / inside for place in cache_places(""))):
        if folder.is_dir():
            return folder
    cache = cache_folder("")
    _download(cache)
    return cache / inside


def _download(cache: Path) -> None:
    from torchvision.datasets import FashionMNIST

    try:
        FashionMNIST(str(cache), download=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"fashion-mnist is not on this machine and cannot be downloaded: {error}", _HINT) from error


def _read_set(folder: Path, part: str) -> StoredImages:
    pixels, classes = _read_idx(folder, f"{part}-images-idx3-ubyte"), _read_idx(folder, f"{part}-labels-idx1-ubyte")
    if pixels.ndim != 3 or classes.ndim != 1 or len(pixels) != len(classes):
        raise UsageError(f"{folder} holds {pixels.shape} {part} images but {classes.shape} labels", _HINT)
    return StoredImages(pixels[:, None], classes.astype(np.int64))


def _read_idx(folder: Path, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """An IDX file of unsigned bytes, packed or not: magic 0 0 8 dimensions, big-endian sizes, then the values."""
    packed, plain = folder / f"{name}.gz", folder / name
    try:
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"cannot read {plain}: {getattr(error, 'strerror', None) or error}", _HINT) from error
    dimensions = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    sizes = np.frombuffer(content, ">u4", dimensions, 4) if len(content) >= 4 + 4 * dimensions else np.zeros(0)
    values = np.frombuffer(content, np.uint8, offset=min(len(content), 4 + 4 * dimensions))
    if not dimensions or values.size != np.prod(sizes):
        raise UsageError(f"{plain} is not an IDX file of bytes, or is truncated", _HINT)
    return values.reshape(tuple(int(size) for size in sizes)).copy()
