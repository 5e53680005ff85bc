"""Ratings are what replacing one unit does to the answers: compared with replacing it in the plain way."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.fit.at_size import AtSize
from dna_deploy.fit.candidates import Candidate
from dna_deploy.fit.depth import rate_depths
from dna_deploy.fit.judging import Judge, Mean
from dna_deploy.fit.mending import deployed, mended
from dna_deploy.fit.settling import Reference, met, norms_in, settled
from dna_deploy.fit.units import find_units
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.made import TinyResNet

INPUT = FeatureMap(3, 16, 16)


@pytest.fixture
def judge() -> Judge:
    torch.manual_seed(0)
    network = find_units(TinyResNet(), INPUT).network
    return Judge(network, list(torch.randn(40, *INPUT.sizes).split(25)))


def test_keeping_a_unit_costs_nothing_and_replacing_it_what_the_plain_way_says(judge: Judge) -> None:
    path = judge.network.units[1].path
    other = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()).eval()
    kept, replaced = judge.rate(path, [Candidate("keep", judge.network.module(path)), Candidate("other", other)])
    assert kept.divergence.value == pytest.approx(0.0, abs=1e-6) and kept.error.value == pytest.approx(0.0, abs=1e-9)
    images = torch.cat(list(judge.batches))
    network = judge.network.replaced({path: other}).eval()
    with torch.no_grad():
        own, changed = (F.softmax(model(images).double(), 1) for model in (judge.network.network, network))
    by_image = (own * (own.log() - changed.log())).sum(1)
    assert replaced.divergence.value == pytest.approx(float(by_image.mean()), rel=1e-3)
    assert replaced.divergence.standard_error == pytest.approx(float(by_image.std()) / math.sqrt(40), rel=1e-3)
    assert replaced.error.value > 0.1


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_candidate_is_rated_with_the_batch_norms_that_it_is_deployed_with(
    judge: Judge, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those behind it have met the original's features, and meet other ones now."""
    gathering = list(torch.randn(48, *INPUT.sizes, generator=torch.Generator().manual_seed(1)).split(16))
    original = judge.network.network
    deployed = Judge(judge.network, judge.batches, gathering)
    if not is_cut:
        monkeypatch.setattr(Judge, "_tail", lambda *_: None)
    path = judge.network.units[1].path
    narrow = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()).eval()
    before = {name: tensor.clone() for part in (narrow, original) for name, tensor in part.state_dict().items()}
    kept, rated = deployed.rate(path, [Candidate("keep", deployed.network.module(path)), Candidate("other", narrow)])
    ways = [settled(judge.network, {path: narrow}, reference) for reference in (None, Reference(judge.network, gathering))]
    stays, follows = (deployed.divergence(deployed.answers_of(network)).value for network in ways)
    assert rated.divergence.value == pytest.approx(min(stays, follows), rel=1e-3)
    assert stays != pytest.approx(follows, rel=1e-2)
    assert kept.divergence.value == pytest.approx(0.0, abs=1e-6)
    for part in (narrow, original):
        for name, tensor in part.state_dict().items():
            assert torch.equal(tensor, before[name])


def test_what_a_unit_receives_is_what_a_hook_sees(judge: Judge) -> None:
    unit = judge.network.units[2]
    seen: list[torch.Tensor] = []
    handle = judge.network.parts(unit.path)[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].clone()))
    judge.answers_of(judge.network.network)
    handle.remove()
    for received, expected in zip(judge.inputs(unit.path), seen, strict=True):
        torch.testing.assert_close(received, expected)


def test_depths_of_a_stage_are_nested_and_rated_together(judge: Judge) -> None:
    units = judge.network.units
    skips = {
        unit.path: next(iter(judge.rate(unit.path, [Candidate("skip", nn.Identity())]))) for unit in units if "skip" in unit.may
    }
    judge = Judge(judge.network, judge.batches, judge.batches)
    depths = rate_depths(units, skips, lambda paths: deployed(judge, dict.fromkeys(paths, nn.Identity()), mends=True).joint)
    assert len(depths) == len(skips) > 2
    for shallow, deep in pairwise(depths):
        assert deep.stage != shallow.stage or deep.skipped[:-1] == shallow.skipped
    off = []
    for depth in depths:
        without = {path: nn.Identity() for path in depth.skipped}
        networks = [settled(judge.network, without, reference) for reference in (None, judge.reference)]
        networks.append(mended(judge.fitter, without))
        off.append([judge.divergence(judge.answers_of(network)).value for network in networks])
        assert depth.divergence.value == min(off[-1])
    assert any(len(set(each)) == 3 for each in off)


def test_on_smaller_images_answers_are_held_against_those_on_the_whole(judge: Judge) -> None:
    judge = Judge(judge.network, judge.batches, judge.batches)
    smaller, original = judge.at((12, 12)), judge.network.network
    small = [F.interpolate(images, (12, 12), mode="bilinear", antialias=True) for images in judge.batches]
    for seen, expected in zip(smaller.batches, small, strict=True):
        torch.testing.assert_close(seen, expected)
    plain = smaller.divergence(smaller.answers_of(original)).value
    assert plain == judge.divergence(judge.answers_of(AtSize(original, (12, 12)))).value > 0
    untouched = deployed(smaller, {}, mends=True)
    moved = settled(judge.network, {}, smaller.reference)
    assert untouched.joint.value == min(plain, smaller.divergence(smaller.answers_of(moved)).value)


def test_batch_norms_follow_images_that_become_smaller(judge: Judge) -> None:
    """Moved by what a smaller size does to what they meet: statistics gathered on both sizes tell by how much."""
    judge = Judge(judge.network, judge.batches, judge.batches)
    smaller, original = judge.at((12, 12)), judge.network.network
    moved = settled(judge.network, {}, smaller.reference)
    own, first = norms_in(original)[0], norms_in(moved)[0]
    whole, small = (met(original, [own], each.batches)[0] for each in (judge, smaller))
    torch.testing.assert_close(first.running_mean, own.running_mean + small[0] - whole[0])
    torch.testing.assert_close(first.running_var, own.running_var * (small[1] + own.eps) / (whole[1] + own.eps))


def test_agreement_counts_equal_classes(judge: Judge) -> None:
    answers = [-answer for answer in judge.answers]
    assert judge.agreement(judge.answers).all() and not judge.agreement(answers).any()
    assert Mean.of(torch.tensor([1.0, 3.0])) == Mean(2.0, 1.0)
