"""Gains in accuracy, counted on the same images."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ttest_rel

from dna_deploy.nets.network import Network
from dna_deploy.training.accuracy import Gain, measure_accuracy, right_answers
from tests.toy import SPACE, toy_data

RNG = torch.Generator().manual_seed(0)
BEFORE = torch.rand(400, generator=RNG) < 0.6
AFTER = torch.where(torch.rand(400, generator=RNG) < 0.7, BEFORE, torch.rand(400, generator=RNG) < 0.9)


def test_the_gain_over_its_error_is_the_paired_t_statistic() -> None:
    found = Gain.of(AFTER, BEFORE)
    assert found.value / found.standard_error == pytest.approx(ttest_rel(AFTER.double(), BEFORE.double()).statistic)


def test_a_gain_counts_beyond_its_margin_only() -> None:
    assert Gain(0.03, 0.01).exceeds(2)
    assert not Gain(0.03, 0.01).exceeds(3)
    assert not Gain.of(BEFORE, BEFORE).exceeds(0)


def test_right_answers_are_those_that_accuracy_counts() -> None:
    data, network = toy_data(), Network(SPACE, SPACE.parse("8:p1/12:p1/16:p1,p1"))
    answers = right_answers(network, data.validation, data)
    assert (int(answers.sum()), len(answers)) == (measure_accuracy(network, data.validation, data).count, 32)
