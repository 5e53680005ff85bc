"""Folders and shards are divided class by class: every part has every class where that can be, and groups stay whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data, positions_of_parts
from dna_deploy.data.strata import Strata
from dna_deploy.errors import UsageError
from dna_deploy.pipeline.images import ImagesConfig, ProjectImages
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.shapes import FeatureMap
from tests.data.inputs.folders import numbered, tree
from tests.data.made import class_folders

SHAPE = FeatureMap(3, 32, 32)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=12),
    rating=st.integers(1, 40),
    validation=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_parts_are_disjoint_whole_and_have_every_class_that_is_large_enough(
    sizes: list[int], rating: int, validation: int, seed: int
) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    strata = Strata(classes, np.arange(len(classes)))
    order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
    parts = strata.divide(order, rating, validation)
    assert sorted(torch.cat(parts).tolist()) == list(range(len(classes)))
    train, rated, held_out = (set(classes[part.numpy()].tolist()) for part in parts)
    assert train == set(range(len(sizes)))
    assert len(parts[2]) == min(validation, len(classes) - len(sizes))
    if validation >= len(sizes):
        assert held_out == {index for index, size in enumerate(sizes) if size > 1}
    if rating >= len(sizes) and validation <= len(classes) // 4:
        assert rated >= {index for index, size in enumerate(sizes) if size > 3}


def test_shares_are_those_of_the_classes() -> None:
    classes = np.repeat([0, 1, 2], [600, 300, 100])
    train, rated, held_out = Strata(classes, np.arange(1000)).divide(torch.randperm(1000), 100, 200)
    assert np.bincount(classes[held_out.numpy()]).tolist() == [120, 60, 20]
    assert np.bincount(classes[rated.numpy()]).tolist() == [60, 30, 10]
    first = classes[train[:70].numpy()]
    assert set(first[:3].tolist()) == {0, 1, 2}
    assert [abs(int(count) - share) <= 2 for count, share in zip(np.bincount(first), (42, 21, 7), strict=True)] == [True] * 3


def test_groups_lie_in_one_part() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(50), 10)
    classes = np.repeat(rng.integers(0, 4, 50), 10)
    parts = Strata(classes, groups).divide(torch.randperm(500), 50, 50)
    homes = [set(groups[part.numpy()].tolist()) for part in parts]
    assert not homes[0] & homes[1]
    assert not homes[0] & homes[2]
    assert not homes[1] & homes[2]
    assert [len(part) for part in parts[1:]] == [50, 50]


@pytest.mark.parametrize("images", [4, 5, 6, 8, 11, 30])
def test_small_classes_are_in_every_part(tmp_path: Path, images: int) -> None:
    data = load_data(DataConfig(dataset=str(class_folders(tmp_path, "a", "b", "c", images=images))), SHAPE)
    for split in (data.train, data.rating, data.validation, data.test):
        assert set(split.labels(torch.arange(len(split))).tolist()) == {0, 1, 2}


def test_classes_that_a_part_lacks_are_said(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b", images=30)
    tree(tmp_path, ["c/1.png", "c/2.png"])
    words = "\n".join(load_data(DataConfig(dataset=str(tmp_path)), SHAPE).notices)
    assert "classes without rating images: 1 (c)" in words
    assert "classes without validation images: 1 (c)" in words


def test_a_class_that_a_validation_part_lacks_is_said_once(tmp_path: Path) -> None:
    for part, names in (("train", "abc"), ("val", "ab"), ("test", "abc")):
        class_folders(tmp_path / part, *names, images=6)
    notices = load_data(DataConfig(dataset=str(tmp_path)), SHAPE).notices
    assert [line for line in notices if "without" in line] == ["classes without validation images: 1 (c)"]


def test_as_many_images_as_are_left_to_train_can_be_asked_for() -> None:
    strata = Strata(np.repeat(np.arange(30), 2), np.arange(60))
    parts = positions_of_parts("pairs", 60, strata, DataConfig())
    again = positions_of_parts("pairs", 60, strata, DataConfig(train_images=len(parts.train)))
    assert all(map(torch.equal, parts, again))
    with pytest.raises(UsageError, match="has 60 training images; "):
        positions_of_parts("pairs", 60, strata, DataConfig(train_images=len(parts.train) + 1))


@pytest.mark.parametrize(("images", "message"), [(1, "leaves no test images"), (2, "has 2 training images; 3 are asked for")])
def test_what_cannot_work_is_refused_when_it_is_loaded(tmp_path: Path, images: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_data(DataConfig(dataset=str(class_folders(tmp_path, "a", "b", images=images))), SHAPE)


def test_classes_of_two_images_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    tree(tmp_path, [name for letter in "abcdef" for name in numbered(f"{letter}/*.png", 2)], content=b"not looked at")
    with pytest.raises(UsageError, match=r"the 6 training images of .* leave none for rating"):
        assert ProjectImages(ImagesConfig(dataset=str(tmp_path)), find_chain("fashion")).survey


def test_a_validation_part_validates_and_nothing_else_does(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "val", "test")):
        tree(tmp_path / part, [*numbered("a/*.png", 20), *numbered("b/*.png", 20)], seed=100 * number)
    data = load_data(DataConfig(dataset=str(tmp_path)), SHAPE)
    assert data.counts == {"train": 36, "rating": 4, "validation": 40, "test": 40}
    assert sorted(data.validation.indices.tolist()) == list(range(40, 80))
    fewer = load_data(DataConfig(dataset=str(tmp_path), validation_images=10), SHAPE)
    assert fewer.counts == {"train": 36, "rating": 4, "validation": 10, "test": 40}
    assert torch.equal(fewer.train.indices, data.train.indices)
    for wrong in ({"validation_images": 41}, {"rating_images": 40}):  # known before anything is read
        with pytest.raises(UsageError, match="has 40 training and 40 validation images; "):
            assert ProjectImages(ImagesConfig(dataset=str(tmp_path), **wrong), find_chain("fashion")).survey
    for wrong in ({"validation_images": 41}, {"train_images": 37}, {"rating_images": 40}):
        with pytest.raises(UsageError, match="has 40 training and 40 validation images; "):
            load_data(DataConfig(dataset=str(tmp_path), **wrong), SHAPE)


def test_one_line_says_what_was_loaded(tmp_path: Path) -> None:
    data = load_data(DataConfig(dataset=str(class_folders(tmp_path / "photos", "a", "b", images=20))), SHAPE)
    assert data.summary == "photos: 2 classes; images: 30 train, 3 rating, 3 validation, 4 test"
