"""Short trainings: from the supernets' weights, judged on held-out training images, kept one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import Progress
from dna_deploy.records.rating_calibration import ShortTraining
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.short import train_shortly
from tests.toy import SPACE, Unlabelled, toy_data, toy_dataset, toy_teacher

NETWORK = SPACE.parse("8:k3e1,p1/16:k5e2,p1,k3e1/16:k5e2,k3e1")
RECIPE = Recipe(epochs=1, batch=16)


def supernets() -> dict[int, SupernetBlock]:
    """Untrained ones."""
    torch.manual_seed(0)
    shapes = toy_teacher().shapes
    return {k: SupernetBlock(SPACE, k, shapes, edges="adaptors", share_depths=True) for k in range(3)}


class Forbidden(Unlabelled):
    """Images that must not be looked at."""

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a test image was asked for")


def untestable_data() -> ImageData:
    """The toy images with a test set that nobody may look at."""
    data = toy_data()
    return replace(data, test=Split(Forbidden(toy_dataset().test), data.test.indices))


def train(folder: Path, **how: object) -> ShortTraining:
    return train_shortly(SPACE, NETWORK, supernets(), untestable_data(), RECIPE, folder, "these", **how)  # type: ignore[arg-type]


def test_no_test_image_is_read_and_the_held_out_ones_judge(tmp_path: Path) -> None:
    record = train(tmp_path)
    assert record.reached.images == 40 + 32
    assert record.architecture == str(NETWORK)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_finished_training_is_not_done_again_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", on_progress=kill, compute=Compute(checkpoint_seconds=0))
    heard: list[Progress] = []
    resumed, whole = train(tmp_path / "killed", on_progress=heard.append), train(tmp_path / "whole")
    assert (resumed.reached, [progress.done for progress in heard]) == (whole.reached, [3])
    heard.clear()
    assert train(tmp_path / "killed", on_progress=heard.append) == resumed
    assert heard == []


def test_other_supernets_are_another_training(tmp_path: Path) -> None:
    train(tmp_path)
    train_shortly(SPACE, NETWORK, supernets(), toy_data(), RECIPE, tmp_path, "others")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_space_of_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="classes"):
        train_shortly(SPACE.with_head(SPACE.head_for(7)), NETWORK, supernets(), toy_data(), RECIPE, tmp_path, "these")
