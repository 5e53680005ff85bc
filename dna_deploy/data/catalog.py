"""The data sets that can be named: one file a data set, one line here. A path to a folder of images is a name as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dna_deploy.data.image_set import Dataset
from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin, plugin_names
from dna_deploy.spaces.operations import FeatureMap

DATASETS = {
    "fashion-mnist": "dna_deploy.data.fashion_mnist:fashion_mnist",
    "distorted-fashion-mnist": "dna_deploy.data.distorted_fashion_mnist:distorted_fashion_mnist",
    "cifar10": "dna_deploy.data.torchvision_sets:cifar10",
    "cifar100": "dna_deploy.data.torchvision_sets:cifar100",
    "mnist": "dna_deploy.data.torchvision_sets:mnist",
    "kmnist": "dna_deploy.data.torchvision_sets:kmnist",
    "image-folder": "dna_deploy.data.image_folder:image_folder",
    "webdataset": "dna_deploy.data.webdataset_shards:webdataset_shards",
}
"""Name -> a function from (folder or None, image shape) to a `Dataset`. Others: entry points ``dna_deploy.datasets``."""

DatasetLoader = Callable[[Path | None, FeatureMap], Dataset]


def dataset_names() -> tuple[str, ...]:
    """Every data set that can be named on the command line."""
    return plugin_names("dataset", DATASETS)


def load_dataset(name: str, folder: Path | None, shape: FeatureMap) -> Dataset:
    """The data set called ``name``, or the images or shards in the folder that ``name`` is a path of.

    Raises:
        UsageError: an unknown name, or images that cannot be used at this shape.
    """
    if name not in dataset_names() and (Path(name).is_dir() or len(Path(name).parts) > 1):
        if folder is not None:
            raise UsageError(f"two folders are given: {name} and {folder}", "give one of them")
        folder = Path(name)
        name = "webdataset" if any(folder.glob("*.tar")) else "image-folder"
    load: DatasetLoader = load_plugin("dataset", name, DATASETS)
    return load(folder, shape)
