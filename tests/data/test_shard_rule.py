"""Shards are read by the rule of folders: parts by their names, classes that train, and what is left out is said."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import torch

from dna_deploy.data import image_memory, shard_listing
from dna_deploy.data.catalog import load_dataset
from dna_deploy.data.file_tree import LeftOut, TreeFile
from dna_deploy.data.listing import Sample
from dna_deploy.data.survey import survey
from dna_deploy.errors import UsageError
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.inputs.pictures import noise
from tests.data.inputs.shards import shard, tar_of

SHAPE = FeatureMap(3, 32, 32)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train-0000.tar", "val-0000.tar"), (6, 0, 6)),
        (("train.tar", "val.tar"), (6, 0, 6)),
        (("Train_0.tar", "valid_0.tar"), (6, 0, 6)),
        (("training-0.tar", "validation-0.tar"), (6, 0, 6)),
        (("imagenet1k-train-0000.tar", "imagenet1k-validation-00.tar"), (6, 0, 6)),
        (("train-0.tar", "test-0.tar"), (6, 0, 6)),
        (("train-0.tar", "val-0.tar", "test-0.tar"), (6, 6, 6)),
        (("train/0.tar", "val/0.tar"), (6, 0, 6)),
        (("photos-0.tar", "photos-1.tar"), (9, 0, 3)),
        (("photos.tar", "val.tar"), (6, 0, 6)),
    ],
)
def test_a_shard_belongs_to_the_part_that_its_name_speaks_of(
    tmp_path: Path, names: tuple[str, ...], expected: tuple[int, int, int]
) -> None:
    for number, name in enumerate(names):
        shard(tmp_path / name, [0, 1, 2, 0, 1, 2], seed=10 * number)
    found = survey(tmp_path)
    assert (len(found.training), len(found.validation), len(found.test)) == expected
    assert found.listing.classes == ("0", "1", "2")


def test_a_shard_of_no_part_beside_those_for_training_is_asked_about(tmp_path: Path) -> None:
    for name in ("train-0.tar", "extra.tar"):
        shard(tmp_path / name, [0, 1])
    with pytest.raises(UsageError, match=r"has train-0\.tar for training; what is extra\.tar for"):
        survey(tmp_path)


@pytest.mark.parametrize("labels", [[1, 2, 3], [0, 5, 999], [7, 8, 4], [10, 9, 100]])
def test_labels_may_begin_anywhere_and_have_gaps(tmp_path: Path, labels: list[int]) -> None:
    shard(tmp_path / "train-0.tar", labels * 2)
    shard(tmp_path / "val-0.tar", labels)
    data = load_dataset(str(tmp_path), None, SHAPE)
    assert data.classes == tuple(map(str, sorted(labels)))
    order = {label: place for place, label in enumerate(sorted(labels))}
    assert data.training.labels(torch.arange(6)).tolist() == [order[label] for label in labels * 2]
    assert data.test.labels(torch.arange(3)).tolist() == [order[label] for label in labels]


@pytest.mark.parametrize(
    ("content", "labels", "classes", "words"),
    [
        (b"cat\ndog\neel\n", [0, 1, 2], ("cat", "dog", "eel"), ""),
        (b"\xef\xbb\xbfcat\r\ndog\r\neel", [0, 1, 2], ("cat", "dog", "eel"), ""),
        ("cat\nk\u00e4fer\neel".encode("utf-16"), [0, 1, 2], ("cat", "k\u00e4fer", "eel"), ""),
        (b"cat\ndog\neel\n", [1, 2, 3], ("cat", "dog", "eel"), "labels begin at 1"),
        (b"cat\ndog\neel\n", [0, 2], ("cat", "eel"), "classes of classes.txt without images: 1 (dog)"),
        ('a "b"\n\U0001f431\n\u202ex\n'.encode(), [0, 1, 2], ('a "b"', "\U0001f431", "\u202ex"), ""),
    ],
)
def test_classes_are_named_by_a_file_in_any_usual_encoding(
    tmp_path: Path, content: bytes, labels: list[int], classes: tuple[str, ...], words: str
) -> None:
    shard(tmp_path / "train-0.tar", labels * 2)
    shard(tmp_path / "val-0.tar", labels)
    (tmp_path / "classes.txt").write_bytes(content)
    found = survey(tmp_path)
    assert found.listing.classes == classes
    assert words in "\n".join(found.notices)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\nk\xe4fer\neel", r"line 2 of .*classes\.txt is not UTF-8"),
        (b"cat\ndog\n", "names 2 classes; there are labels up to 3"),
        (b"cat\ncat\ndog\neel\n", "names the class 'cat' twice"),
    ],
)
def test_a_file_of_classes_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    shard(tmp_path / "train-0.tar", [0, 1, 3])
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        survey(tmp_path)


def test_what_is_no_sample_in_a_shard_is_left_out_and_said(tmp_path: Path) -> None:
    files = {f"{number}.{end}": noise(number) if end == "png" else str(number % 2).encode()
             for number in range(4) for end in ("png", "cls")}  # fmt: skip
    others = {
        "._0.png": b"x",
        "__MACOSX/0.png": b"x",
        "0.left.png": noise(9),
        "0.jpg": noise(8),
        "0.mp3": b"x",
        "0.json": b"{}",
    }
    tar_of(tmp_path / "photos.tar", {**files, **others})
    found = survey(tmp_path)
    words = "\n".join(found.notices)
    assert len(found.samples) == 4
    assert "left out hidden files, and what systems leave behind: 2" in words
    assert "left out further images of a sample: 2 (photos.tar:0.left.png, photos.tar:0.jpg)" in words
    assert "left out files that are no images: 1 (photos.tar:0.mp3)" in words


def test_classes_that_only_val_has_are_left_out_and_said(tmp_path: Path) -> None:
    shard(tmp_path / "train-0.tar", [0, 1, 0, 1])
    shard(tmp_path / "val-0.tar", [0, 5])
    found = survey(tmp_path)
    assert (found.listing.classes, len(found.test)) == (("0", "1"), 1)
    assert "left out validation images of classes without training images (1 (5)): 1" in "\n".join(found.notices)


def test_a_compressed_archive_is_refused_by_name(tmp_path: Path) -> None:
    shard(tmp_path / "train-0.tar", [0, 1, 0, 1])
    (tmp_path / "val-0.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(UsageError, match=r"val-0\.tar\.gz is compressed"):
        survey(tmp_path)


def test_shards_with_other_labels_are_other_data(tmp_path: Path) -> None:
    before, after = ([0, 1, 2, 0, 1, 2], [2, 1, 0, 0, 1, 2])
    shard(tmp_path / "photos.tar", before)
    size = (tmp_path / "photos.tar").stat().st_size
    first = load_dataset(str(tmp_path), None, SHAPE).digest
    shard(tmp_path / "photos.tar", after)
    assert (tmp_path / "photos.tar").stat().st_size == size
    assert load_dataset(str(tmp_path), None, SHAPE).digest != first


def test_a_shard_that_is_damaged_in_its_middle_is_refused_and_one_without_an_end_doubted(tmp_path: Path) -> None:
    path = shard(tmp_path / "train-0.tar", [0, 1] * 6) / "train-0.tar"
    content = path.read_bytes()
    third = content.index(b"0003.png")
    path.write_bytes(content[:third] + b"\xff" * 512 + content[third + 512 :])
    with pytest.raises(UsageError, match=rf"train-0\.tar is damaged at byte {third:,}: what follows cannot be read"):
        survey(tmp_path)
    path.write_bytes(content[:third])
    assert "left out what may have followed in archives that stop without an end: 1 (train-0.tar)" in survey(tmp_path).notices


def test_links_and_classes_without_an_image_in_shards_are_said(tmp_path: Path) -> None:
    path = shard(tmp_path / "train-0.tar", [0, 1] * 6) / "train-0.tar"
    link = tarfile.TarInfo("0099.png")
    link.type, link.linkname = tarfile.LNKTYPE, "0000.png"
    label = tarfile.TarInfo("0099.cls")
    label.size = 1
    with tarfile.open(path, "a") as archive:
        archive.addfile(link)
        archive.addfile(label, io.BytesIO(b"1"))
    lines = survey(tmp_path).notices
    assert "left out links and other members that are no files: 1 (train-0.tar:0099.png)" in lines
    assert "left out classes of samples without an image: 1 (train-0.tar:0099.cls)" in lines


@pytest.mark.parametrize("turns", [2, 5, 10, 20])
def test_every_tenth_image_is_of_every_class_where_shards_deal_them_out_in_turn(tmp_path: Path, turns: int) -> None:
    shard(tmp_path / "photos.tar", [number % turns for number in range(200)])
    tested = Counter(sample.label for sample in survey(tmp_path).test)
    assert tested == {str(label): 20 // turns for label in range(turns)}


@pytest.fixture
def opened_shards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archives that are gone through from here on; those of this moment are remembered as well."""
    opened: list[str] = []
    monkeypatch.setattr(image_memory, "SETTLED_NS", -(10**12))
    read = shard_listing._members

    def counted(root: Path, file: TreeFile, left_out: LeftOut) -> list[Sample]:
        opened.append(file.name)
        return read(root, file, left_out)

    monkeypatch.setattr(shard_listing, "_members", counted)
    return opened


def test_shards_that_were_not_touched_are_not_gone_through_again(tmp_path: Path, opened_shards: list[str]) -> None:
    for name in ("train-0.tar", "train-1.tar", "val-0.tar"):
        shard(tmp_path / name, [0, 1, 2, 0])
    tar_of(
        tmp_path / "train-2.tar", {"0.jpg": noise(1), "0.cls": b"1", "0.mp3": b"x", "\udcff.png": noise(2), "\udcff.cls": b"2"}
    )
    first = survey(tmp_path)
    assert opened_shards == ["train-0.tar", "train-1.tar", "train-2.tar", "val-0.tar"]
    assert survey(tmp_path) == first
    assert len(opened_shards) == 4
    shard(tmp_path / "train-1.tar", [2, 1, 0, 0])
    assert survey(tmp_path) != first
    assert opened_shards[4:] == ["train-1.tar"]
    (tmp_path / "train-0.tar").unlink()
    (tmp_path / "train-2.tar").rename(tmp_path / "train-3.tar")
    names = {sample.name.partition(":")[0] for sample in survey(tmp_path).training}
    assert names == {"train-1.tar", "train-3.tar"}
    assert "left out files that are no images: 1 (train-3.tar:0.mp3)" in survey(tmp_path).notices
    assert opened_shards[5:] == ["train-3.tar"]


def test_a_shard_that_changed_a_moment_ago_is_gone_through_again(tmp_path: Path, opened_shards: list[str], own_cache: Path,
    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(image_memory, "SETTLED_NS", 3600 * 10**9)
    shard(tmp_path / "photos.tar", [0, 1])
    assert survey(tmp_path) == survey(tmp_path)
    assert len(opened_shards) == 2
    assert not list(own_cache.rglob("*.json"))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"version": 1, "shards": [[1]]}', b'{"version": 1, "shards": {"a": 2}}']
)
def test_damaged_indices_of_shards_are_made_again(
    tmp_path: Path, opened_shards: list[str], own_cache: Path, damage: bytes
) -> None:
    shard(tmp_path / "photos.tar", [0, 1])
    first = survey(tmp_path)
    (memory,) = own_cache.rglob("*.json")
    memory.write_bytes(damage)
    assert survey(tmp_path) == first == survey(tmp_path)
    assert len(opened_shards) == 2
