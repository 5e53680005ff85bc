"""Small classics that torchvision downloads: CIFAR-10 and CIFAR-100 (colour, 32x32), MNIST and KMNIST (grey, 28x28)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dna_deploy.data.image_set import AS_FOLDER, Dataset, Normalisation, StoredImages
from dna_deploy.errors import UsageError
from dna_deploy.records.cache import cache_folder
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.shapes import FeatureMap

_COLOUR, _GREY = FeatureMap(3, 32, 32), FeatureMap(1, 28, 28)
_NORMALISATIONS = {
    "CIFAR10": Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "CIFAR100": Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "MNIST": Normalisation((0.1307,), (0.3081,)),
    "KMNIST": Normalisation((0.1918,), (0.3483,)),
}
"""Mean and deviation of the training images."""


def _loader(name: str, own_shape: FeatureMap) -> Callable[[Path | None, FeatureMap], Dataset]:
    def load(folder: Path | None, shape: FeatureMap) -> Dataset:
        if shape != own_shape:
            raise UsageError(
                f"{name} has images of {own_shape}; the space takes {shape}", f"take a space of that shape{AS_FOLDER}"
            )
        root = folder or cache_folder("")
        parts = [_part(name, root, is_train=is_train) for is_train in (True, False)]
        training, test = (_stored(part) for part in parts)
        digest = digest_of(f"{training.digest} {test.digest}".encode())
        return Dataset(name, digest, shape, tuple(parts[0].classes), _NORMALISATIONS[name], training, test)

    return load


def _part(name: str, root: Path, *, is_train: bool) -> Any:
    from torchvision import datasets

    try:
        return getattr(datasets, name)(str(root), train=is_train, download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} is not in {root} and cannot be downloaded: {reason}", "give its folder") from error


def _stored(part: Any) -> StoredImages:
    pixels = np.asarray(part.data, np.uint8)
    channels_first = pixels.transpose(0, 3, 1, 2) if pixels.ndim == 4 else pixels[:, None]
    return StoredImages(np.ascontiguousarray(channels_first), np.asarray(part.targets, np.int64))


cifar10 = _loader("CIFAR10", _COLOUR)
cifar100 = _loader("CIFAR100", _COLOUR)
mnist = _loader("MNIST", _GREY)
kmnist = _loader("KMNIST", _GREY)
