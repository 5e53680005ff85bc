"""What may become of a model before anybody has images: candidates of its units with inherited weights, to time them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from dna_deploy.fit.candidates import candidates_of
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.unit import Unit
from dna_deploy.spaces.shapes import FeatureMap

_IMAGES = 4


def unrated_candidates(network: UnitNetwork, units: Sequence[Unit], input: FeatureMap) -> dict[str, dict[str, nn.Module]]:
    """By unit and code, of those units that may change; the first keeps it. Times depend on shapes, not on weights."""
    judge = Judge(network, [torch.rand(_IMAGES, *input.sizes, generator=torch.Generator().manual_seed(0))])
    return {
        unit.path: {
            candidate.code: candidate.module
            for candidate in candidates_of(unit, network.module(unit.path), judge.inputs(unit.path), repaired=False).there
        }
        for unit in units
        if unit.may
    }
