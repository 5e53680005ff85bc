"""The data sets that can be named: one file a data set, one line here. A path to a folder of images is a name as well.

Knowing the names imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dna_deploy.data.config import Reading
from dna_deploy.errors import UsageError
from dna_deploy.plugins import load_plugin, plugin_names
from dna_deploy.progress import OnProgress, silent
from dna_deploy.spaces.shapes import FeatureMap

if TYPE_CHECKING:
    from dna_deploy.data.image_set import Dataset
    from dna_deploy.data.survey import Survey

DATASETS = {
    "fashion-mnist": "dna_deploy.data.fashion_mnist:fashion_mnist",
    "distorted-fashion-mnist": "dna_deploy.data.distorted_fashion_mnist:distorted_fashion_mnist",
    "cifar10": "dna_deploy.data.torchvision_sets:cifar10",
    "cifar100": "dna_deploy.data.torchvision_sets:cifar100",
    "mnist": "dna_deploy.data.torchvision_sets:mnist",
    "kmnist": "dna_deploy.data.torchvision_sets:kmnist",
}
"""Name -> a function from (folder or None, image shape) to a `Dataset`. Others: entry points ``dna_deploy.datasets``."""

FOLDERS = {"image-folder": False, "webdataset": True}
"""Names of folders of classes and of shards, and whether they are shards. A path needs neither: it is seen what lies there."""

DatasetLoader: TypeAlias = "Callable[[Path | None, FeatureMap], Dataset]"


def dataset_names() -> tuple[str, ...]:
    """Every data set that can be named on the command line."""
    return tuple(sorted((*plugin_names("dataset", DATASETS), *FOLDERS)))


def load_dataset(
    name: str,
    folder: Path | None,
    shape: FeatureMap,
    reading: Reading | None = None,
    *,
    surveyed: Survey | None = None,
    on_progress: OnProgress = silent,
) -> Dataset:
    """The data set called ``name``, or the images or shards in the folder that ``name`` is a path of, if not ``surveyed`` yet.

    Raises:
        UsageError: an unknown name, or images that cannot be used at this shape.
    """
    path, is_shards = folder_of(name, folder)
    if path is not None:
        from dna_deploy.data.image_folder import read_folder

        return read_folder(path, shape, reading, is_shards=is_shards, surveyed=surveyed, on_progress=on_progress)
    load: DatasetLoader = load_plugin("dataset", name, DATASETS)
    return load(folder, shape)


def folder_of(name: str, folder: Path | None) -> tuple[Path | None, bool | None]:
    """The folder of images that a name means, if any, and whether it holds shards (None: to be seen).

    Raises:
        UsageError: two folders are given, none where one is needed, or a file.
    """
    if name in FOLDERS:
        if folder is None:
            raise UsageError(f"the data set {name!r} needs a folder", "give the folder as the data set: --dataset photos/")
        return folder, FOLDERS[name]
    if name not in dataset_names() and Path(name).is_file():
        raise UsageError(f"{name} is a file, not a folder of images or shards", "unpack an archive, and give the folder")
    if name in dataset_names() or not (Path(name).is_dir() or len(Path(name).parts) > 1):
        return None, None
    if folder is not None:
        raise UsageError(f"two folders are given: {name} and {folder}", "give one of them")
    return Path(name), None
