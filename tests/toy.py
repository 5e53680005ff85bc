"""A tiny space, a random teacher and synthetic images, for claims that need no training luck."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dna_deploy.contracts.rater import Unlabelled
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, ImageSet, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.records.files import digest_of
from tests.spaces.chains import TOY

SPACE = TOY
CONFIG = RatingConfig(epochs=2, batch=16, rating_batch=20)


def toy_dataset(images: int = 120, *, is_labelled: bool = True) -> Dataset:
    """Three classes of noise of different brightness."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, images)
    pixels = (rng.integers(0, 100, (images, 1, 12, 12)) + 70 * classes[:, None, None, None]).astype(np.uint8)
    stored = StoredImages(pixels, classes.astype(np.int64))
    source: ImageSet = stored if is_labelled else Unlabelled(stored)
    normal = Normalisation((0.5,), (0.25,))
    return Dataset("toy", stored.digest, SPACE.input, ("a", "b", "c"), normal, source, source)


def toy_data(*, is_labelled: bool = True) -> ImageData:
    """The toy images: 48 train, 40 rating, 32 validation."""
    config = DataConfig(dataset="toy", rating_images=40, validation_images=32)
    return divide(toy_dataset(is_labelled=is_labelled), config)


def toy_teacher(seed: int = 0) -> Teacher:
    """A random residual network with the toy space's boundaries."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ResidualNetwork(ResidualConfig.for_space(SPACE, 2.0, 1))
        with torch.no_grad():
            network.train()(torch.randn(64, 1, 12, 12))  # running statistics that fit the weights
    return Teacher.freeze("toy", digest_of(str(seed).encode()), network, SPACE.input)


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
