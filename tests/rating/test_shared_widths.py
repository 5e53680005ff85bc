"""Every method of one shared supernet works where widths share weights, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dna_deploy.learning.compute import Compute
from dna_deploy.rating.configs import rater_config
from dna_deploy.rating.rater import Rater, make_rater
from dna_deploy.rating.raters.one_shot.rater import SupernetRater
from tests.toy import SPACE, toy_data

NETWORKS = [SPACE.parse(text) for text in ("8:k3e1/16:p1,p1,k3e1/16:k5e2,p1", "8:p1/12:k5e2/16:p1,p1")]
SETTINGS = {"epochs": 2, "batch": 16, "rating_batch": 20, "calibration_images": 32, "share_widths": True}
OWN = {"setn": {"evaluator_every": 2}, "neas": {"rounds": 1, "children": 3, "judged": 8, "searched": 4}}


def rater(method: str, folder: Path, **changes: object) -> Rater:
    config = rater_config(method).model_validate({**SETTINGS, **OWN.get(method, {}), **changes})
    return make_rater(method, SPACE, toy_data(), config, folder, compute=Compute(checkpoint_seconds=0))


@pytest.mark.parametrize("method", ["one-shot", "genas", "angle", "cream", "cream-top1", "setn", "neas"])
def test_widths_that_share_weights_are_trained_kept_and_rated(method: str, tmp_path: Path) -> None:
    first = rater(method, tmp_path)
    first.train()
    scores = first.score(NETWORKS)
    assert rater(method, tmp_path).score(NETWORKS) == scores
    assert isinstance(first, SupernetRater)
    weights = {weight.untyped_storage().data_ptr() for weight in first.supernet().parameters()}
    apart = rater(method, tmp_path / "apart", share_widths=False)
    assert isinstance(apart, SupernetRater)
    assert len(weights) < len({weight.untyped_storage().data_ptr() for weight in apart.supernet().parameters()})
    assert all(bool(torch.isfinite(weight).all()) for weight in first.supernet().parameters())
