"""What may become of a model before anybody has images: candidates of its units with inherited weights, to time them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from dna_deploy.fit.candidates import candidates_of
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.structure import structure_of
from dna_deploy.fit.unit import Change, Unit
from dna_deploy.spaces.shapes import FeatureMap

_IMAGES = 4


def unrated_candidates(network: UnitNetwork, units: Sequence[Unit], input: FeatureMap) -> dict[str, dict[str, nn.Module]]:
    """By unit and code, of those units that may change; the first keeps it.

    Times depend on shapes, not on weights, so that units of one structure have the same modules.
    """
    judge = Judge(network, [torch.rand(_IMAGES, *input.sizes, generator=torch.Generator().manual_seed(0))])
    alike: dict[tuple[str, tuple[Change, ...]], dict[str, nn.Module]] = {}
    candidates = {}
    for unit in units:
        if not unit.may:
            continue
        module = network.module(unit.path)
        kind = (structure_of(module, unit.input), unit.may)
        if kind not in alike:
            listed = candidates_of(unit, module, judge.inputs(unit.path), repaired=False)
            alike[kind] = {candidate.code: candidate.module for candidate in listed.there}
        candidates[unit.path] = alike[kind]
    return candidates
