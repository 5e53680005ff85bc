"""Times that are told from multiply-accumulates, so that nothing depends on this machine's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from dna_deploy.export.kits.own_kit import macs_of
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.workshop import Folders
from dna_deploy.pipeline.fit import table as own_table
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.records.latency_table import AbsentRow, Calibration, LatencyRow, LatencyTable
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.heads import head_of
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile, default_target
from tests.search.instances import PROVENANCE

A_MAC, ANY_RUN = 1e-9, 1e-5


@cache
def fingerprint() -> Fingerprint:
    """Of this machine."""
    with IsolatedBench(default_target(), SamplingPlan(rounds=2), {}) as bench:
        return bench.fingerprint


@dataclass(frozen=True)
class _Profiled:
    table: LatencyTable


def profile_by_macs(_kit: ProbeKit, space: HeadedSpace, file: TargetFile, folders: Folders, **_options: Any) -> _Profiled:
    """A table whose rows take time by what they compute; `kernel1` cannot be timed where it stands in for the first unit."""
    absent = [layer.key for layer in space.rows() if layer.operation.code == "kernel1"][:1]
    table = LatencyTable(
        provenance=PROVENANCE, space=space.name, space_digest=space.digest, head=head_of(space), target=file.target,
        fingerprint=fingerprint(), statistic="p25",
        rows=tuple(
            LatencyRow(layer=layer.key, latency_s=max(A_MAC * layer.macs, 1e-9), standard_error_s=0.0, samples=30)
            for layer in space.rows()
            if layer.key not in absent
        ),
        absent=tuple(AbsentRow(layer=key, reason="it is told so") for key in absent),
        calibrations=(Calibration(quantile="p50", scale=1.0, offset_s=ANY_RUN, networks=8, relative_error=0.01),),
        grade="B", doubts=(), runs=(),
    )  # fmt: skip
    table.write(folders.table_of(space.name, file.target.name))
    return _Profiled(table)


def seconds_by_macs(stopwatch: Stopwatch, network: nn.Module, input: FeatureMap | None = None) -> float:
    """What a whole network takes then."""
    return ANY_RUN + A_MAC * macs_of(network, torch.zeros(1, *(input or stopwatch.input).sizes))


def time_by_macs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run to be timed from now on."""
    monkeypatch.setattr(own_table, "profile_space", profile_by_macs)
    monkeypatch.setattr(Stopwatch, "time", seconds_by_macs)
    monkeypatch.setattr(Stopwatch, "time_file", lambda stopwatch, _files: stopwatch.original_s / 2)
