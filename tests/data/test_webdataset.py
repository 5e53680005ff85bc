"""Shards as the package `webdataset` writes them: the same images as the package reads, under the tool's own splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dna_deploy.data import encoded_images
from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import divide
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.inputs.shards import tar_of

wds = pytest.importorskip("webdataset", reason="the package writes the shards")
group_by_keys, tar_file_expander = wds.tariterators.group_by_keys, wds.tariterators.tar_file_expander

SHAPE = FeatureMap(3, 32, 32)


def write_shards(folder: Path, part: str, images: int, seed: int = 0) -> list[np.ndarray]:
    """Shards of ten random images each; the images."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = list(np.random.default_rng(seed).integers(0, 256, (images, 32, 32, 3), np.uint8))
    with wds.ShardWriter(str(folder / f"{part}-%04d.tar"), maxcount=10, verbose=0) as shards:
        for number, image in enumerate(pixels):
            about = {"number": number}
            shards.write({"__key__": f"{part}/{number:05d}", "png": image, "cls": number % 3, "json": about})
    return pixels


def as_the_package_reads(shard: Path) -> list[dict[str, Any]]:
    decode = wds.Decoder([wds.imagehandler("rgb8")])
    with shard.open("rb") as stream:
        return [decode(sample) for sample in group_by_keys(tar_file_expander([{"url": str(shard), "stream": stream}]))]


def test_shards_hold_what_the_package_reads_from_them(tmp_path: Path) -> None:
    written = write_shards(tmp_path, "train", 24)
    write_shards(tmp_path, "val", 6, seed=1)
    found = load_dataset(str(tmp_path), None, SHAPE)
    assert (len(found.training), len(found.test), found.classes) == (24, 6, ("0", "1", "2"))
    read = [sample for shard in sorted(tmp_path.glob("train-*.tar")) for sample in as_the_package_reads(shard)]
    images, labels = found.training.images(torch.arange(24)), found.training.labels(torch.arange(24))
    assert labels.tolist() == [sample["cls"] for sample in read]
    for image, sample, original in zip(images, read, written, strict=True):
        assert np.array_equal(image.permute(1, 2, 0), sample["png"])
        assert np.array_equal(sample["png"], original)


def test_large_shards_are_read_at_any_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shards(tmp_path, "train", 24)
    write_shards(tmp_path, "test", 6)
    stored = load_dataset("webdataset", tmp_path, SHAPE)
    monkeypatch.setattr(encoded_images, "STORED_BYTES", 0)
    some = torch.tensor([23, 0, 11])
    assert torch.equal(load_dataset("webdataset", tmp_path, SHAPE).training.images(some), stored.training.images(some))


def test_the_fixed_splits_hold_for_shards(tmp_path: Path) -> None:
    write_shards(tmp_path, "photos", 40)
    (tmp_path / "classes.txt").write_text("cat\ndog\neel\n")
    found = load_dataset(str(tmp_path), None, SHAPE)
    assert (len(found.training), len(found.test), found.classes) == (36, 4, ("cat", "dog", "eel"))
    few, more = (divide(found, DataConfig(train_images=count, rating_images=5)) for count in (10, 20))
    assert few.counts == {"train": 10, "rating": 5, "validation": 3, "test": 4}
    assert torch.equal(few.rating.indices, more.rating.indices)
    assert few.digest != more.digest


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": b"rubbish"}, r"train-0\.tar:a\.png has no class: there is no a\.cls beside it"),
        ({"a.png": b"rubbish", "a.cls": b"cat"}, r"a\.cls holds 'cat', not the number of a class"),
        ({"a.txt": b"no image", "a.cls": b"1"}, "hold 0 training and 0 test images"),
        (
            {f"{n}.{end}": str(n % 2).encode() for n in range(20) for end in ("png", "cls")},
            r"20 of 20 images .* train-0\.tar:0\.png is no image .* and 10 more, all listed in ",
        ),
    ],
)
def test_shards_that_cannot_be_used_are_explained(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    tar_of(tmp_path / "train-0.tar", files)
    with pytest.raises(UsageError, match=message):
        load_dataset("webdataset", tmp_path, SHAPE)


def test_damaged_archives_and_missing_ones_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no shards"):
        load_dataset("webdataset", tmp_path, SHAPE)
    write_shards(tmp_path, "train", 10)
    path = tmp_path / "train-0000.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:3000])
    with pytest.raises(UsageError, match=r"train-0000\.tar is (truncated|no tar archive)"):
        load_dataset("webdataset", tmp_path, SHAPE)
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(UsageError, match=r"train-0000\.tar is no tar archive"):
        load_dataset("webdataset", tmp_path, SHAPE)
