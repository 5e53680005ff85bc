"""How a folder is read: what is a class, what is a part, what is left out and said, and what is asked back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dna_deploy.data.survey import Survey, survey
from dna_deploy.errors import UsageError
from tests.data.inputs.folders import numbered, tree
from tests.data.inputs.pictures import noise
from tests.data.inputs.shards import shard


def counts(found: Survey) -> tuple[int, int, int]:
    """Images that train, validate and test."""
    return len(found.training), len(found.validation), len(found.test)


def images(*patterns: str, count: int = 4) -> list[str]:
    return [name for pattern in patterns for name in numbered(pattern, count)]


def said(found: Survey) -> str:
    return "\n".join(found.notices)


@pytest.mark.parametrize(
    "leftover",
    [
        ".ipynb_checkpoints/cat-checkpoint.png", ".git/objects/1.png", "__MACOSX/cat/._0.png", "@eaDir/cat.png", ".DS_Store",
        "lost+found/1.png", "$RECYCLE.BIN/1.png", "System Volume Information/1.png", ".Trash-1000/files/1.png", "Thumbs.db",
        "cat/._0.png", "cat/.ipynb_checkpoints/0-checkpoint.png", "cat/@eaDir/0.png", "cat/thumbnails/0.png", "dog/desktop.ini",
        "#recycle/a.png", ".thumbnails/a.png", "cat/.nfs0001",
    ],
)  # fmt: skip
def test_what_systems_leave_behind_is_left_out_and_said(tmp_path: Path, leftover: str) -> None:
    tree(tmp_path, [*images("cat/*.png", "dog/*.png"), leftover])
    found = survey(tmp_path)
    assert (found.listing.classes, sum(counts(found))) == (("cat", "dog"), 8)
    assert "left out hidden files, and what systems leave behind: 1 (" in said(found)
    assert leftover.split("/", maxsplit=1)[0] in said(found)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("train", "val"), (8, 0, 8)),
        (("training", "valid"), (8, 0, 8)),
        (("Train", "Validation"), (8, 0, 8)),
        (("train", "TEST"), (8, 0, 8)),
        (("train", "testing"), (8, 0, 8)),
        (("train", "val", "test"), (8, 8, 8)),
        (("Train", "Val", "Test"), (8, 8, 8)),
        (("seg_train", "seg_test"), (8, 0, 8)),
        (("train2017", "val2017"), (8, 0, 8)),
        (("TrainImages", "TestImages"), (8, 0, 8)),
        (("train",), (6, 0, 2)),
    ],
)
def test_parts_are_known_by_their_usual_names(tmp_path: Path, parts: tuple[str, ...], expected: tuple[int, int, int]) -> None:
    tree(tmp_path, images(*(f"{part}/{label}/*.png" for part in parts for label in ("cat", "dog"))))
    found = survey(tmp_path)
    assert (found.listing.classes, counts(found)) == (("cat", "dog"), expected)


def test_a_class_may_be_called_train_or_test(tmp_path: Path) -> None:
    tree(tmp_path, images("bus/*.png", "car/*.png", "train/*.png", "test/*.png"))
    found = survey(tmp_path)
    assert found.listing.classes == ("bus", "car", "test", "train")
    assert counts(found) == (12, 0, 4)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (("train/*.png", "val/*.png"), "train holds images, but no class folders"),
        (("train/cat/*.png", "train/dog/*.png", "eel/*.png"), "train looks like a part, and eel beside it like a class"),
        (("val/cat/*.png", "val/dog/*.png", "cat/*.png", "dog/*.png"), "val looks like a part, and cat beside it like a class"),
        (("train/cat/*.png", "val/cat/*.png", "valid/cat/*.png"), "two folders for one part: val, valid"),
        (("val/cat/*.png", "test/dog/*.png"), "nothing to train on"),
        (("cat/train/*.png", "cat/test/*.png", "dog/train/*.png"), "cat/test looks like a part inside of a class"),
        (("photos/cat/*.png", "photos/dog/*.png"), "has 1 folders of images; at least two classes"),
        (("cat/*.png",), "has 1 folders of images; at least two classes"),
        (("train/cat/*.png",), "train has 1 folders of images; at least two classes"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_asked_back(tmp_path: Path, patterns: tuple[str, ...], message: str) -> None:
    tree(tmp_path, images(*patterns))
    with pytest.raises(UsageError, match=message) as caught:
        survey(tmp_path)
    assert caught.value.hint


def test_the_folder_inside_is_suggested_where_it_holds_the_classes(tmp_path: Path) -> None:
    tree(tmp_path, images("photos/cat/*.png", "photos/dog/*.png"))
    with pytest.raises(UsageError) as caught:
        survey(tmp_path)
    assert f"is the data set in {tmp_path / 'photos'}?" in caught.value.hint


def test_a_test_part_without_classes_is_left_out_and_said(tmp_path: Path) -> None:
    tree(tmp_path, images("train/cat/*.png", "train/dog/*.png", "val/cat/*.png", "val/dog/*.png", "test/*.png"))
    found = survey(tmp_path)
    assert counts(found) == (8, 0, 8)
    assert "left out images of a part without class folders: 4 (test/0.png" in said(found)


def test_a_class_that_val_lacks_is_said_and_one_that_train_lacks_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, images("train/cat/*.png", "train/dog/*.png", "val/cat/*.png", "val/eel/*.png"))
    found = survey(tmp_path)
    assert (found.listing.classes, counts(found)) == (("cat", "dog"), (8, 0, 4))
    assert "classes without test images: 1 (dog)" in said(found)
    assert "left out validation images of classes without training images (1 (eel)): 4" in said(found)


def test_folders_below_a_class_belong_to_it_and_are_said(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/day 1/*.png", "cat/day 2/deep/*.png", "dog/*.png"))
    found = survey(tmp_path)
    assert (found.listing.classes, sum(counts(found))) == (("cat", "dog"), 12)
    assert "images in folders below their class: 8 (cat/day 1/0.png" in said(found)


def test_images_without_an_ending_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*", "cat/shot.00*", "dog/*.jfif", "dog/*.JPEG"))
    (tmp_path / "cat" / "README").write_text("about these cats")
    found = survey(tmp_path)
    assert sum(counts(found)) == 16
    assert "left out files that are no images: 1 (cat/README)" in said(found)


def test_images_with_an_unknown_ending_are_left_out_and_said_and_refused_where_they_are_most(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*.png", "dog/*.png"))
    tree(tmp_path, images("cat/*.JPG.bak", "cat/*.png~", count=2))
    assert "left out images with the unknown ending .bak: 2 (cat/0.JPG.bak" in said(survey(tmp_path))
    tree(tmp_path, images("dog/*.orig", count=9))
    with pytest.raises(UsageError, match="more images with unknown endings than with known ones: 13"):
        survey(tmp_path)


def test_other_files_are_said_and_images_in_no_class_too(tmp_path: Path) -> None:
    tree(tmp_path, [*images("cat/*.png", "dog/*.png"), "loose.png"])
    (tmp_path / "labels.csv").write_text("a,b")
    found = survey(tmp_path)
    assert "left out files that are no images: 1 (labels.csv)" in said(found)
    assert "left out images in no class folder: 1 (loose.png)" in said(found)


def test_an_archive_beside_class_folders_is_left_out_and_said(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*.png", "dog/*.png"))
    shard(tmp_path / "photos.tar", [0, 1])
    found = survey(tmp_path)
    assert found.listing.classes == ("cat", "dog")
    assert "photos.tar" in said(found)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere", images("*.png"))
    tree(tmp_path / "set", images("cat/*.png"))
    (tmp_path / "set" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "cat" / "up").symlink_to(tmp_path / "set")
    found = survey(tmp_path / "set")
    assert (found.listing.classes, sum(counts(found))) == (("cat", "dog"), 8)
    assert "left out links to a folder that they lie in: 1 (cat/up)" in said(found)


def test_what_the_system_refuses_to_look_at_is_named(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*.png", "dog/*.png"))
    (tmp_path / "cat" / "self").symlink_to("self")
    with pytest.raises(UsageError, match=r"cannot read .*/cat/self: "):
        survey(tmp_path)


def test_names_that_are_not_utf8_are_read_and_can_be_printed(tmp_path: Path) -> None:
    tree(tmp_path, images("dog/*.png"))
    label, name = b"caf\xe9", b"cr\xe8me.png"
    os.mkdir(os.path.join(os.fsencode(tmp_path), label))  # noqa: PTH102, PTH118
    for index in range(3):
        path = os.path.join(os.fsencode(tmp_path), label, str(index).encode() + name)  # noqa: PTH118
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(noise(index))
    found = survey(tmp_path)
    assert found.listing.classes == ("caf\\xe9", "dog")
    for sample in found.samples:
        str(sample).encode()
    assert len(found.samples[0].read_bytes()) > 100


def test_one_class_spelled_in_two_encodings_of_unicode_is_one_class(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    tree(tmp_path, images(f"train/{composed}/*.png", "train/dog/*.png", f"val/{decomposed}/*.png", "val/dog/*.png"))
    found = survey(tmp_path)
    assert (found.listing.classes, counts(found)) == ((composed, "dog"), (8, 0, 8))
    tree(tmp_path, images(f"train/{decomposed}/*.png"))
    with pytest.raises(UsageError, match="two folders of one name, differently encoded"):
        survey(tmp_path)


@pytest.mark.parametrize("label", ["two words", "quo'te\"s", "\U0001f431", "\u202eright to left\u200f", "comma, semi; colon"])
def test_names_of_classes_survive(tmp_path: Path, label: str) -> None:
    tree(tmp_path, images(f"{label}/*.png", "dog/*.png"))
    assert set(survey(tmp_path).listing.classes) == {label, "dog"}


def test_groups_stay_together_when_every_tenth_tests(tmp_path: Path) -> None:
    names = images("cat/*.png", "dog/*.png", count=40)
    tree(tmp_path, names)
    group_of = {name: f"photo {index // 4}" for index, name in enumerate(names)}
    (tmp_path / "groups.csv").write_text("\n".join(f'{name},"{group}"' for name, group in group_of.items()))
    found = survey(tmp_path)
    tested, trained = ({group_of[sample.name] for sample in part} for part in (found.test, found.training))
    assert not tested & trained
    assert (len(tested), counts(found)) == (2, (72, 0, 8))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\n \ncat/1.png\n", "line 3 of .*groups.csv has 1 values"), (b"cat/\xe9.png,a\n", "line 1 .* not UTF-8")],
)
def test_a_groups_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    tree(tmp_path, images("cat/*.png", "dog/*.png"))
    (tmp_path / "groups.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        survey(tmp_path)


def test_groups_of_images_that_are_not_there_are_doubted(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*.png", "dog/*.png"))
    (tmp_path / "groups.csv").write_text("cat/1.png,a\n./cat/2.png,a\n")
    assert "doubt: groups.csv names images that are not there: 1 (./cat/2.png)" in survey(tmp_path).notices


@pytest.mark.parametrize("per_class", [2, 3, 5, 9, 10, 11, 25])
def test_every_class_tests_and_trains_however_small_it_is(tmp_path: Path, per_class: int) -> None:
    tree(tmp_path, images("a/*.png", "b/*.png", "c/*.png", count=per_class))
    found = survey(tmp_path)
    for part in (found.training, found.test):
        assert {sample.label for sample in part} == {"a", "b", "c"}
    assert len(found.test) == max(3, 3 * per_class // 10)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("*.png",), (7, 0, 1)),
        (("photos/*.png",), (7, 0, 1)),
        (("train/*.png", "test/*.png"), (8, 0, 8)),
        (("train/*.png", "val/*.png", "test/*.png"), (8, 8, 8)),
    ],
)
def test_where_no_class_is_needed_images_may_lie_in_none(
    tmp_path: Path, patterns: tuple[str, ...], expected: tuple[int, int, int]
) -> None:
    tree(tmp_path, images(*patterns, count=8))
    with pytest.raises(UsageError):
        survey(tmp_path)
    found = survey(tmp_path, needs_classes=False)
    assert (found.listing.classes, counts(found)) == (("unlabelled",), expected)


def test_where_no_class_is_needed_folders_of_classes_are_still_classes(tmp_path: Path) -> None:
    tree(tmp_path, images("train/cat/*.png", "train/dog/*.png", "val/cat/*.png", "val/dog/*.png"))
    assert survey(tmp_path, needs_classes=False).listing.classes == ("cat", "dog")


def test_a_part_without_any_image_is_said(tmp_path: Path) -> None:
    tree(tmp_path, images("train/cat/*.png", "train/dog/*.png", "val/cat/*.png", "val/dog/*.png"))
    (tmp_path / "test" / "cat").mkdir(parents=True)
    assert "left out folders without images: 1 (test)" in said(survey(tmp_path))


def test_what_lies_there_instead_of_classes_is_said(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match="has 0 folders of images") as caught:
        survey(tmp_path)
    assert "left out files that are no images: 1 (photos.zip)" in caught.value.hint


def test_classes_that_differ_in_capitals_alone_are_doubted(tmp_path: Path) -> None:
    tree(tmp_path, images("cat/*.png", "Cat/*.png", "dog/*.png"))
    assert "doubt: classes that differ in capitals alone: 2 (Cat, cat)" in said(survey(tmp_path))
