"""Where images come from, and what is said about those that cannot be used."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dna_deploy.data import encoded_images
from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.decoding import decode
from dna_deploy.data.fashion_mnist import SYSTEM_FOLDER
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.made import class_folders

COLOUR, GREY = FeatureMap(3, 32, 32), FeatureMap(1, 28, 28)


def write_idx(folder: Path, name: str, values: np.ndarray, *, packed: bool) -> None:
    content = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)


def fashion_folder(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 5)):
        write_idx(folder, f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28), np.uint8), packed=part == "train")
        write_idx(folder, f"{part}-labels-idx1-ubyte", rng.integers(0, 10, count).astype(np.uint8), packed=part == "train")
    return folder


def test_fashion_mnist_is_read_packed_or_not(tmp_path: Path) -> None:
    found = load_dataset("fashion-mnist", fashion_folder(tmp_path), GREY)
    assert (len(found.training), len(found.test), len(found.classes)) == (20, 5, 10)
    assert found.training.images(torch.tensor([0, 3])).shape == (2, 1, 28, 28)
    expected = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    assert torch.equal(found.training.images(torch.arange(20))[:, 0], torch.from_numpy(expected))


@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist_is_what_its_authors_published() -> None:
    found = load_dataset("fashion-mnist", None, GREY)
    labels = found.training.labels(torch.arange(60_000))
    assert torch.bincount(labels).tolist() == [6000] * 10
    pixels = found.training.images(torch.arange(60_000)).float() / 255
    assert (round(float(pixels.mean()), 4), round(float(pixels.std()), 4)) == (0.2860, 0.3530)


def test_distorted_images_are_the_same_every_time_and_keep_their_classes(tmp_path: Path) -> None:
    plain = load_dataset("fashion-mnist", fashion_folder(tmp_path), GREY)
    found, again = (load_dataset("distorted-fashion-mnist", tmp_path, GREY) for _ in range(2))
    assert found.digest == again.digest != plain.digest
    for part, original in ((found.training, plain.training), (found.test, plain.test)):
        everything = torch.arange(len(original))
        assert torch.equal(part.labels(everything), original.labels(everything))
        assert not torch.equal(part.images(everything), original.images(everything))


@pytest.mark.skipif(not SYSTEM_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_distorted_fashion_mnist_has_the_bytes_that_the_ground_truth_was_made_from() -> None:
    found = load_dataset("distorted-fashion-mnist", None, GREY)
    assert (len(found.training), len(found.test)) == (12_000, 10_000)
    assert found.digest == "sha256:0ba3b24044e901f3131bd5433a3931e0efc4374d22fcfada5af41a0cc6130c01"
    pixels = found.training.images(torch.arange(12_000)).float() / 255
    assert (round(float(pixels.mean()), 4), round(float(pixels.std()), 4)) == (0.2027, 0.3142)


def test_a_truncated_idx_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    folder = fashion_folder(tmp_path)
    labels = folder / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(UsageError, match="t10k-labels-idx1-ubyte is not an IDX file of bytes, or is truncated"):
        load_dataset("fashion-mnist", folder, GREY)
    labels.unlink()
    with pytest.raises(UsageError, match=r"cannot read .*t10k-labels") as caught:
        load_dataset("fashion-mnist", folder, GREY)
    assert "apt-get install dataset-fashion-mnist" in caught.value.hint


def test_an_unknown_name_suggests_the_nearest_and_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown dataset 'fashion-mnits'") as caught:
        load_dataset("fashion-mnits", None, GREY)
    assert "fashion-mnist" in caught.value.hint
    with pytest.raises(UsageError, match="images of 1x28x28; the space takes 3x32x32"):
        load_dataset("fashion-mnist", None, COLOUR)


def test_a_folder_without_parts_keeps_every_tenth_image_for_the_test(tmp_path: Path) -> None:
    found = load_dataset(str(class_folders(tmp_path, "cat", "dog", images=15)), None, COLOUR)
    assert (found.classes, len(found.training), len(found.test)) == (("cat", "dog"), 27, 3)


def test_imagenet_layout_keeps_its_validation_folder_for_the_test(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", "cat", "dog", images=4)
    class_folders(tmp_path / "val", "cat", "dog", images=2)
    found = load_dataset("image-folder", tmp_path, COLOUR)
    assert (len(found.training), len(found.test)) == (8, 4)
    assert found.training.labels(torch.arange(8)).tolist() == [0] * 4 + [1] * 4


def test_large_folders_are_decoded_when_they_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = class_folders(tmp_path, "cat", "dog")
    stored = load_dataset(str(folder), None, COLOUR)
    monkeypatch.setattr(encoded_images, "STORED_BYTES", 0)
    decoded = load_dataset(str(folder), None, COLOUR)
    some = torch.tensor([5, 0, 17])
    assert torch.equal(stored.training.images(some), decoded.training.images(some))
    assert torch.equal(stored.training.labels(some), decoded.training.labels(some))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"rubbish", "is no image"),
        (b"\x89PNG\r\n\x1a\nrubbish", "is (broken|no image)"),
        (b"\xff\xd8\xff\xe0rubbish", "is broken"),
    ],
)
def test_broken_images_are_counted_and_the_first_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    class_folders(tmp_path, "cat", "dog")
    for number in (3, 4):
        (tmp_path / "cat" / f"{number}.png").write_bytes(content)
    with pytest.raises(UsageError, match=rf"2 of 24 images in .* cannot be used: cat/3.png {message}.*; cat/4.png {message}"):
        load_dataset(str(tmp_path), None, COLOUR)


def test_a_truncated_jpeg_is_broken_not_grey(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(UsageError, match=r"half\.jpg is broken"):
        decode(path, COLOUR)


def test_tiny_images_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (40, 3)).save(tmp_path / "tiny.png")
    with pytest.raises(UsageError, match=r"tiny\.png has 40x3 pixels; at least 8x8 are needed"):
        decode(tmp_path / "tiny.png", COLOUR)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "1", "LA"])
@pytest.mark.parametrize("shape", [COLOUR, GREY])
def test_every_usual_mode_becomes_the_wanted_shape(tmp_path: Path, mode: str, shape: FeatureMap) -> None:
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.new("RGB", (50, 40), (200, 200, 200)).convert(mode).save(path)
    pixels = decode(path, shape)
    assert (pixels.shape, pixels.dtype) == ((shape.channels, shape.height, shape.width), np.uint8)
    if mode != "1":  # two colours cannot show grey
        assert abs(int(pixels.mean()) - 200) <= 3


def test_sixteen_bit_images_keep_their_picture(tmp_path: Path) -> None:
    values = np.full((20, 20), 32896, np.uint16)
    values[:, 10:] = 65535
    Image.fromarray(values).save(tmp_path / "deep.png")
    pixels = decode(tmp_path / "deep.png", FeatureMap(1, 20, 20))
    assert (int(pixels[0, 0, 0]), int(pixels[0, 0, 19])) == (128, 255)


@pytest.mark.parametrize(("classes", "message"), [((), "has 0 folders"), (("cat",), "has 1 folders")])
def test_a_folder_needs_two_classes(tmp_path: Path, classes: tuple[str, ...], message: str) -> None:
    class_folders(tmp_path, *classes)
    with pytest.raises(UsageError, match=message):
        load_dataset("image-folder", tmp_path, COLOUR)


def test_an_empty_class_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    class_folders(tmp_path, "cat", "dog")
    (tmp_path / "eel").mkdir()
    with pytest.raises(UsageError, match="eel holds no images"):
        load_dataset("image-folder", tmp_path, COLOUR)
    with pytest.raises(UsageError, match="there is no folder"):
        load_dataset("image-folder", tmp_path / "nowhere", COLOUR)
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"photos\.zip is a file, not a folder"):
        load_dataset(str(tmp_path / "photos.zip"), None, COLOUR)


class Downloaded:
    """What torchvision's CIFAR10 offers, without the download."""

    classes = ("cat", "dog")

    def __init__(self, root: str, *, train: bool, download: bool) -> None:
        count = 6 if train else 2
        self.data = np.arange(count * 32 * 32 * 3, dtype=np.uint64).reshape(count, 32, 32, 3).astype(np.uint8)
        self.targets = [0, 1] * (count // 2)


def test_a_torchvision_set_keeps_its_pixels_and_classes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torchvision.datasets.CIFAR10", Downloaded)
    found = load_dataset("cifar10", tmp_path, COLOUR)
    assert (found.classes, len(found.training), len(found.test)) == (("cat", "dog"), 6, 2)
    first = found.training.images(torch.tensor([0]))[0]
    assert torch.equal(first.permute(1, 2, 0), torch.from_numpy(Downloaded("", train=True, download=False).data[0]))
    with pytest.raises(UsageError, match="CIFAR10 has images of 3x32x32; the space takes 1x28x28") as caught:
        load_dataset("cifar10", tmp_path, GREY)
    assert "give the images as a folder: those are resized, and made grey or colour" in caught.value.hint


def test_a_download_that_fails_says_where_it_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", refuse)
    with pytest.raises(UsageError, match=r"MNIST is not in .* and cannot be downloaded: no network"):
        load_dataset("mnist", tmp_path, GREY)
