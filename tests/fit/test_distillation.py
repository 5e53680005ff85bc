"""Candidates learn what their unit emits, in the loop of the house."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.image_set import Normalisation, StoredImages
from dna_deploy.data.splits import Split
from dna_deploy.fit.candidates import Candidates, candidates_of
from dna_deploy.fit.distillation import UnitTraining, distil
from dna_deploy.fit.features import UnitFeatures
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.units import find_units
from dna_deploy.learning.compute import Compute
from dna_deploy.progress import Progress
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.made import TinyResNet

INPUT = FeatureMap(3, 16, 16)


@pytest.fixture
def network() -> UnitNetwork:
    torch.manual_seed(0)
    return find_units(TinyResNet(), INPUT).network


@pytest.fixture
def batches() -> TrainingBatches:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 3, 16, 16), dtype=np.uint8)
    images = StoredImages(pixels, np.zeros(64, np.int64))
    return TrainingBatches(Split(images, torch.arange(64)), Normalisation((0.5,) * 3, (0.3,) * 3), Augmentation(), 16, 0)


def made(network: UnitNetwork, batches: TrainingBatches) -> dict[str, Candidates]:
    unit = network.units[1]
    inputs = Judge(network, [batches.at(0).inputs]).inputs(unit.path)
    return {unit.path: candidates_of(unit, network.module(unit.path), inputs, repaired=False)}


def test_one_run_of_the_original_gives_what_every_unit_receives_and_emits(
    network: UnitNetwork, batches: TrainingBatches
) -> None:
    images = batches.at(0).inputs
    for path, (x, y) in UnitFeatures(network, tuple(unit.path for unit in network.units))(images).items():
        torch.testing.assert_close(Judge(network, [images]).inputs(path)[0], x)
        torch.testing.assert_close(network.module(path)(x.clone()).detach(), y)


def test_what_has_learnt_is_nearer_to_the_unit_and_what_has_no_weights_stays(
    network: UnitNetwork, batches: TrainingBatches, tmp_path: Path
) -> None:
    candidates = made(network, batches)
    (path,) = candidates
    judge = Judge(network, [batches.at(3).inputs])
    kept = copy.deepcopy(candidates[path].there[0].module.state_dict())
    before = {rated.code: rated.error.value for rated in judge.rate(path, candidates[path].there)}
    distil(network, candidates, batches, UnitTraining(40), tmp_path)
    after = {rated.code: rated.error.value for rated in judge.rate(path, candidates[path].there)}
    assert after["skip"] == before["skip"] and after["keep"] == before["keep"] == 0
    assert after["width50"] < 0.8 * before["width50"]
    for name, tensor in candidates[path].there[0].module.state_dict().items():
        assert torch.equal(tensor, kept[name])


def test_a_training_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    network: UnitNetwork, batches: TrainingBatches, tmp_path: Path
) -> None:
    training, compute = UnitTraining(4), Compute(checkpoint_seconds=0)
    whole, parts = made(network, batches), made(network, batches)
    distil(network, whole, batches, training, tmp_path / "whole", compute=compute)

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        distil(network, parts, batches, training, tmp_path / "parts", compute=compute, on_progress=stop)
    again = made(network, batches)
    distil(network, again, batches, training, tmp_path / "parts", compute=compute)
    for one, other in zip(*(next(iter(each.values())).there for each in (whole, again)), strict=True):
        for name, tensor in one.module.state_dict().items():
            assert torch.equal(tensor, other.module.state_dict()[name])
