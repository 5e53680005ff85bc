"""Blocks that learn to work together before whole networks are stitched from them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.errors import DivergedError
from dna_deploy.nets.compute import Compute
from dna_deploy.nets.supernet import path_of
from dna_deploy.nets.teacher import Teacher
from dna_deploy.progress import Progress, silent
from dna_deploy.rating.block_training import train_blocks
from dna_deploy.rating.joint import JointConfig, train_joint
from dna_deploy.rating.stitched import rate_stitched
from dna_deploy.records.training_history import TrainingHistory
from tests.rating.test_checks import work
from tests.toy import SPACE, toy_data, toy_teacher

NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(8)]
LITTLE = JointConfig(epochs=2)


def weights(folder: Path) -> bytes:
    (file,) = folder.glob("joint-*.safetensors")
    return file.read_bytes()


def test_learning_together_lessens_the_divergence_of_most_stitched_networks(tmp_path: Path) -> None:
    apart = rate_stitched(work(tmp_path), NETWORKS)
    together = rate_stitched(work(tmp_path), NETWORKS, joint=JointConfig(epochs=12))
    better = [second.divergence < first.divergence for first, second in zip(apart, together, strict=True)]
    assert sum(better) > 0.7 * len(better)


def test_no_label_is_touched(tmp_path: Path) -> None:
    rate_stitched(work(tmp_path, data=toy_data(is_labelled=False)), NETWORKS[:2], joint=LITTLE)


def test_the_supernets_of_the_block_ratings_stay_as_they_are(tmp_path: Path) -> None:
    train_blocks(work(tmp_path), [0, 1, 2], silent)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("supernet-*")}
    teacher = toy_teacher()
    frozen = {name: tensor.clone() for name, tensor in teacher.network.state_dict().items()}
    train_joint(work(tmp_path, teacher=teacher), LITTLE)
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("supernet-*")}
    assert all(torch.equal(frozen[name], tensor) for name, tensor in teacher.network.state_dict().items())


def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path: Path) -> None:
    train_joint(work(tmp_path / "whole"), LITTLE)

    def interrupt(progress: Progress) -> None:
        if progress.step == "blocks together" and progress.done == 3:
            raise KeyboardInterrupt

    often = work(tmp_path / "stopped", compute=Compute(checkpoint_seconds=0))
    with pytest.raises(KeyboardInterrupt):
        train_joint(often, LITTLE, interrupt)
    left = list[Progress]()
    train_joint(often, LITTLE, left.append)
    assert next(step.done for step in left if step.step == "blocks together") == 4
    assert weights(tmp_path / "whole") == weights(tmp_path / "stopped")


def test_both_lengths_of_a_folder_are_kept_and_loaded(tmp_path: Path) -> None:
    first = train_joint(work(tmp_path), LITTLE)
    train_joint(work(tmp_path), JointConfig(epochs=1))
    steps = list[Progress]()
    again = train_joint(work(tmp_path), LITTLE, steps.append)
    assert not [step for step in steps if step.step == "blocks together"]
    data = toy_data()
    x = next(in_order(data.rating, data, 40)).inputs
    path = path_of(SPACE.blocks[0], NETWORKS[0].blocks[0])
    assert torch.equal(first[0].eval()(x, *path), again[0].eval()(x, *path))


def test_its_history_says_what_was_trained(tmp_path: Path) -> None:
    train_joint(work(tmp_path), LITTLE)
    history = TrainingHistory.read(tmp_path / "history-joint.json")
    assert (history.subject, history.losses[-1].step) == ("blocks together", history.steps)


def test_answers_that_are_no_numbers_stop_it(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def features(self, x: torch.Tensor) -> list[torch.Tensor]:
            return self.network.features(x)

        def head(self, features: torch.Tensor) -> torch.Tensor:
            return self.network.head(features) * float("nan")

    teacher = Teacher.freeze("broken", "sha256:broken", Broken(toy_teacher().network), SPACE.input)
    with pytest.raises(DivergedError, match="blocks together: the loss became nan at step 1"):
        train_joint(work(tmp_path, teacher=teacher), LITTLE)
    assert not list(tmp_path.glob("joint-*"))
