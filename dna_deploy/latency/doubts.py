"""What speaks against a measurement: each doubt has a name, a limit with its source, and advice."""

from __future__ import annotations

from collections.abc import Sequence

from dna_deploy.records.doubt import Doubt
from dna_deploy.records.latency_table import Calibration, LatencyRow
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint


def doubts_about(
    runs: Sequence[ProfileRun], rows: Sequence[LatencyRow], calibrations: Sequence[Calibration]
) -> tuple[Doubt, ...]:
    """Every doubt about a table made of these runs."""
    return ()


def doubts_about_model(
    samples: Samples, other_load: float, throttled: Sequence[str], fingerprint: Fingerprint
) -> tuple[Doubt, ...]:
    """Every doubt about one measured model."""
    return ()
