"""A harder Fashion-MNIST: fewer images, each turned, sheared, scaled and moved by an amount that its number fixes.

On the easy set, networks of one latency differ by less than two trainings of one network; here they differ by more, so that
ratings can be judged.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F

from dna_deploy.data.fashion_mnist import fashion_mnist
from dna_deploy.data.image_set import Dataset, ImageSet, Normalisation, StoredImages
from dna_deploy.data.randomness import generator
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.shapes import FeatureMap

TRAINING_IMAGES = 12_000
"""Of 60,000: with few images the kind of a network matters more."""

_TURN = math.radians(50)
_SHEAR, _SHIFT = 0.4, 0.25
_SMALLEST, _LARGEST = 0.6, 1.1
_NORMALISATION = Normalisation((0.2027,), (0.3142,))  # mean and deviation of the training images
_CHUNK = 1000


def distorted_fashion_mnist(folder: Path | None, shape: FeatureMap) -> Dataset:
    """The data set, made from the files of Fashion-MNIST. Test images are distorted as well.

    Raises:
        UsageError: Fashion-MNIST is nowhere, damaged, or the space takes images of another shape.
    """
    plain = fashion_mnist(folder, shape)
    training = _distorted(plain.training, TRAINING_IMAGES, "training")
    test = _distorted(plain.test, len(plain.test), "test")
    digest = digest_of(f"{training.digest} {test.digest}".encode())
    return Dataset("distorted-fashion-mnist", digest, shape, plain.classes, _NORMALISATION, training, test)


def _distorted(images: ImageSet, count: int, part: str) -> StoredImages:
    """The first ``count`` images. In 64 bits, so that processors agree about every byte."""
    chosen = torch.arange(min(count, len(images)))
    rng = generator(0, "distortion", part)
    parts = [_warp(images.images(chunk), rng) for chunk in torch.split(chosen, _CHUNK)]
    return StoredImages(torch.cat(parts).numpy(), images.labels(chosen).numpy())


def _warp(pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Bytes ``(batch, 1, height, width)``, each image under its own random affine map; black outside."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(pixels), generator=rng, dtype=torch.float64)

    turn, shear = uniform(-_TURN, _TURN), uniform(-_SHEAR, _SHEAR)
    wide, high = 1 / uniform(_SMALLEST, _LARGEST), 1 / uniform(_SMALLEST, _LARGEST)
    right, down = uniform(-_SHIFT, _SHIFT), uniform(-_SHIFT, _SHIFT)
    cos, sin = turn.cos(), turn.sin()
    rows = (wide * cos, wide * (shear * cos - sin), right, high * sin, high * (shear * sin + cos), down)
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels.double(), grid, align_corners=False).round().clamp(0, 255).to(torch.uint8)
