"""Every image is checked once, up front: what cannot be read is listed, what is unusual is said, and content decides."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dna_deploy.data import image_facts, image_memory
from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.config import DataConfig, Reading
from dna_deploy.data.image_memory import ImageFacts, ImageMemory
from dna_deploy.data.image_set import Dataset
from dna_deploy.data.listing import Sample
from dna_deploy.data.splits import load_data
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.inputs import pictures
from tests.data.inputs.folders import tree
from tests.data.made import class_folders

SHAPE, GREY = FeatureMap(3, 32, 32), FeatureMap(1, 32, 32)
SKIP = Reading(skip_broken=True)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of twelve, whose facts are remembered however young the files are."""
    monkeypatch.setattr(image_memory, "SETTLED_NS", 0)
    return class_folders(tmp_path / "photos", "cat", "dog")


def load(folder: Path, reading: Reading | None = None, shape: FeatureMap = SHAPE) -> Dataset:
    return load_dataset(str(folder), None, shape, reading)


def said(data: Dataset) -> str:
    return "\n".join(data.notices)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the images that are checked from now on."""
    counted: list[int] = []
    check = image_facts._read
    monkeypatch.setattr(image_facts, "_read", lambda *arguments: counted.append(1) or check(*arguments))
    return counted


def test_what_was_read_is_not_read_again_until_it_is_touched(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(photos).digest
    counted = reads(monkeypatch)
    assert load(photos).digest == first
    assert len(counted) == 0
    (photos / "cat" / "3.png").touch()
    assert load(photos).digest == first
    assert len(counted) == 1


def test_other_content_of_equal_name_size_and_time_is_other_data(photos: Path) -> None:
    for name in ("1.bmp", "2.bmp"):
        (photos / "cat" / name).write_bytes(pictures.encoded(pictures.HALVES, "BMP"))
    path = photos / "cat" / "1.bmp"
    first, state = load(photos).digest, path.stat()
    with path.open("r+b") as file:  # in place: the same inode
        file.seek(-100, os.SEEK_END)
        file.write(b"\1" * 100)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino) == (
        state.st_size, state.st_mtime_ns, state.st_ino)  # fmt: skip
    assert load(photos).digest != first


def test_images_that_were_exchanged_are_other_data_and_the_same_elsewhere_are_the_same(photos: Path, tmp_path: Path) -> None:
    first = load(photos).digest
    one, other = photos / "cat" / "1.png", photos / "dog" / "1.png"
    contents = one.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    one.write_bytes(contents[1])
    assert load(photos).digest != first
    assert load(class_folders(tmp_path / "again" / "photos", "cat", "dog")).digest == first


def test_a_file_that_changed_a_moment_ago_is_not_remembered(
    photos: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setattr(image_memory, "SETTLED_NS", 3600 * 10**9)
    load(photos)
    counted = reads(monkeypatch)
    load(photos)
    assert len(counted) == 24


def test_what_is_remembered_is_told_apart_by_name_and_stamp_of_any_size(tmp_path: Path) -> None:
    path, stamp, fact = tmp_path / "memory.npz", (9, -(2**70), 5, 2**64 - 1), ImageFacts("a" * 32, remarks=("turned",))
    sample = Sample(str(tmp_path), "1.png", stamp, "cat", "cat/1.png")
    ImageMemory(path).save([sample], [fact])
    memory = ImageMemory(path)
    assert memory.recall([sample]) == [fact]
    assert memory.recall([sample._replace(stamp=(*stamp[:3], 2**64 - 2))]) == [None]
    assert memory.recall([sample._replace(name="cat/2.png"), sample]) == [None, fact]


@pytest.mark.parametrize("damage", [b"", b"{", b"PK\3\4", b"\x93NUMPY", b"\xff\xfe"])
def test_a_damaged_memory_is_made_again(photos: Path, own_cache: Path, damage: bytes) -> None:
    first = load(photos).digest
    (memory,) = own_cache.rglob("*.npz")
    memory.write_bytes(damage)
    assert load(photos).digest == first


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one_and_said(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    data = load(photos)
    assert "cannot be written: what is remembered lies in " + str(tmp_path) in said(data)
    counted = reads(monkeypatch)
    assert load(photos).digest == data.digest
    assert len(counted) == 0


def broken_in(photos: Path) -> dict[str, bytes]:
    """Damages five files of the class cat; what they were."""
    whole = {name: (photos / "cat" / name).read_bytes() for name in ("1.png", "2.png", "3.png", "4.png")}
    (photos / "cat" / "1.png").write_bytes(b"<html>not found</html>")
    (photos / "cat" / "2.png").write_bytes(whole["2.png"][:2000])
    (photos / "cat" / "3.png").write_bytes(b"")
    (photos / "cat" / "4.png").unlink()
    (photos / "cat" / "4.png").symlink_to("nowhere")
    (photos / "cat" / "new.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    return whole


def test_all_images_that_cannot_be_used_are_listed_at_once(photos: Path) -> None:
    broken_in(photos)
    with pytest.raises(UsageError) as caught:
        load(photos)
    assert "5 of 25 images in" in caught.value.message
    for words in ("1.png is a web page", "2.png is broken", "3.png is empty", "4.png is a link that leads nowhere"):
        assert f"cat/{words}" in caught.value.message
    assert "--skip-broken" in caught.value.hint
    assert "pillow-heif" in caught.value.hint


def test_pointers_in_the_place_of_images_are_named_with_the_way_out(photos: Path) -> None:
    (photos / "cat" / "1.png").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(UsageError, match=r"cat/1\.png is a pointer of Git LFS") as caught:
        load(photos)
    assert "git lfs pull" in caught.value.hint


def test_broken_images_are_left_out_on_demand_and_counted(photos: Path) -> None:
    whole = load(photos)
    kept = broken_in(photos)
    data = load_data(DataConfig(dataset=str(photos), skip_broken=True), SHAPE)
    assert (data.skipped, sum(data.counts.values())) == (5, 20)
    assert "5 that cannot be read were left out" in data.summary
    assert "left out images that cannot be read: 5 (cat/1.png" in "\n".join(data.notices)
    for name, content in kept.items():
        (photos / "cat" / name).unlink()
        (photos / "cat" / name).write_bytes(content)
    (photos / "cat" / "new.heic").unlink()
    assert load(photos, SKIP).digest == whole.digest


def test_many_broken_images_are_listed_in_a_file(photos: Path) -> None:
    tree(photos, [f"cat/bad{number}.png" for number in range(30)], content=b"rubbish")
    with pytest.raises(UsageError, match="and 20 more, all listed in ") as caught:
        load(photos)
    path = Path(caught.value.message.rpartition(" listed in ")[2])
    assert len(path.read_text().splitlines()) == 30


def test_a_class_of_which_nothing_is_left_is_refused(photos: Path) -> None:
    tree(photos, ["eel/1.png", "eel/2.png"], content=b"rubbish")
    with pytest.raises(UsageError, match=r"no image is left to train on for these classes: 1 \(eel\)"):
        load(photos, SKIP)


def test_the_limit_of_pixels_is_named_and_a_key_raises_it(photos: Path) -> None:
    (photos / "cat" / "big.png").write_bytes(pictures.noise(0, 600, 500))
    with pytest.raises(UsageError, match=r"cat/big.png has 500x600 pixels, more than the limit of 0.2 megapixels") as caught:
        load(photos, Reading(most_megapixels=0.2))
    assert "--most-megapixels" in caught.value.hint
    assert len(load(photos, Reading(most_megapixels=0.4)).training) == 23
    with pytest.raises(UsageError, match=r"the limit of 0\.2 megapixels"):
        load(photos, Reading(most_megapixels=0.2))


def test_the_limit_under_which_images_were_checked_holds_when_they_are_used(photos: Path) -> None:
    images, low = load(photos).training, load(photos, Reading(most_megapixels=0.2)).training
    (photos / "cat" / "0.png").write_bytes(pictures.noise(0, 600, 500))
    assert images.images(torch.tensor([0])).shape == (1, 3, 32, 32)
    with pytest.raises(UsageError, match=r"more than the limit of 0\.2 megapixels"):
        low.images(torch.tensor([0]))


def test_a_class_whose_test_images_are_all_broken_is_said(tmp_path: Path) -> None:
    for part in ("train", "test"):
        class_folders(tmp_path / part, "cat", "dog", images=4)
    for broken in (tmp_path / "test" / "dog").iterdir():
        broken.write_bytes(b"rubbish")
    assert "classes without test images: 1 (dog)" in load(tmp_path, SKIP).notices


def test_what_is_unusual_is_said_once_with_how_many(photos: Path) -> None:
    for name, content in {
        "turned.jpg": pictures.turned(6, "JPEG"),
        "icon.png": pictures.see_through("RGBA"),
        "deep.tif": pictures.deep(np.uint16, 4095),
        "black.png": pictures.encoded(np.zeros((40, 40, 3), np.uint8)),
        "float.tif": pictures.deep(np.float32, 0.9),
        "dim.png": pictures.sixteen_bit_colour(16383),
        "dim alpha.png": pictures.sixteen_bit_colour(16383, alpha=65535),
        "wide.png": pictures.sixteen_bit_colour(16384),
        "copy.png": (photos / "dog" / "5.png").read_bytes(),
    }.items():
        (photos / "cat" / name).write_bytes(content)
    words = said(load(photos))
    assert "images turned upright, as they say themselves (EXIF): 1 (cat/turned.jpg)" in words
    assert "transparent images, shown before white: 1 (cat/icon.png)" in words
    assert "images deeper than 8 bits, from 0 (black) to 4095 (white): 1 (cat/deep.tif)" in words
    assert "images of fractions, from 0 (black) to 1 (white): 1 (cat/float.tif)" in words
    assert "that use 14 at most, and so are dark; store 8 bits a channel: 2 (cat/dim alpha.png, cat/dim.png)" in words
    plain = "cat/black.png, cat/dim alpha.png, cat/dim.png, ..."
    assert f"doubt: images that are nearly black, white or of one colour throughout: 5 ({plain})" in words


@pytest.mark.parametrize(("kind", "frames"), [("GIF", 3), ("TIFF", 3), ("PNG", 3), ("WEBP", 3), ("MPO", 2), ("GIF", 1)])
def test_images_of_several_frames_are_said_to_show_the_first(photos: Path, kind: str, frames: int) -> None:
    first, *others = [Image.open(io.BytesIO(pictures.noise(number))) for number in range(frames)]
    more = {"save_all": True, "append_images": others} if others else {}
    (photos / "cat" / f"moving.{kind.lower()}").write_bytes(pictures.encoded(first, kind, **more))
    words = "images of several frames or pages, of which the first is shown: 1 (cat/moving"
    assert (words in said(load(photos))) == (frames == 3)


def test_test_images_that_are_trained_on_as_well_are_doubted(tmp_path: Path) -> None:
    for part in ("train", "val"):
        class_folders(tmp_path / part, "cat", "dog", images=3)
    assert "doubt: test images that are among the training images as well: 6" in said(load(tmp_path))


def test_equal_images_in_several_classes_are_doubted(photos: Path) -> None:
    assert "in several classes" not in said(load(photos))
    for name in ("cat/same.png", "cat/again.png", "dog/other name.png"):
        (photos / name).write_bytes(pictures.noise(99))
    names = "cat/again.png, cat/same.png, dog/other name.png"
    assert f"doubt: equal images in several classes: 3 ({names})" in said(load(photos))


def test_dark_deep_images_keep_their_darkness_beside_bright_ones(photos: Path) -> None:
    (photos / "cat" / "dark.tif").write_bytes(pictures.deep(np.uint16, 200))
    (photos / "cat" / "light.tif").write_bytes(pictures.deep(np.uint16, 4000))
    data = load(photos, shape=GREY)
    highest = sorted(int(data.training.images(torch.tensor([index])).max()) for index in range(len(data.training)))
    assert highest[0] == 200 * 255 // 4095


def test_the_background_is_chosen_and_part_of_the_digest_where_it_shows(photos: Path) -> None:
    plain = {load(photos, Reading(background=name)).digest for name in ("white", "black")}
    assert len(plain) == 1
    (photos / "cat" / "icon.png").write_bytes(pictures.see_through("RGBA"))
    shown = {load(photos, Reading(background=name)).digest for name in ("white", "#ffffff", "black")}
    assert len(shown) == 2
    with pytest.raises(UsageError, match="no colour 'whitish'"):
        load(photos, Reading(background="whitish"))


def test_nothing_is_decoded_before_it_is_asked_for_and_then_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dna_deploy.data import encoded_images

    decoded: list[str] = []
    decode = encoded_images.decode
    monkeypatch.setattr(encoded_images, "decode", lambda file, *rest: decoded.append(str(file)) or decode(file, *rest))
    data = load_data(DataConfig(dataset=str(photos)), SHAPE)
    assert decoded == []
    first = data.train.images(torch.tensor([0, 1, 1, 0]))
    assert len(decoded) == 2
    assert torch.equal(data.train.images(torch.tensor([0, 1, 1, 0])), first)
    data.train.images(torch.arange(4))
    assert len(decoded) == 4
    sent = pickle.loads(pickle.dumps(data.train.source))
    assert torch.equal(sent.images(data.train.indices[:4]), data.train.source.images(data.train.indices[:4]))
    assert len(decoded) == 4


def test_a_set_of_names_without_a_folder_is_explained() -> None:
    for name in ("image-folder", "webdataset"):
        with pytest.raises(UsageError, match="needs a folder") as caught:
            load_dataset(name, None, SHAPE)
        assert "--dataset photos/" in caught.value.hint
