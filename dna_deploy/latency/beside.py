"""Sentinels beside a model: layers of its table, timed in the same rounds, tell at which pace the machine goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dna_deploy.records.pace import MeasuredPace, PaceReference, Sentinel
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan

PREFIX = "sentinel: "
"""Names of sentinels begin with this, so that they never meet the model's."""

_GROUPS = 8


@dataclass(frozen=True)
class Sentinels:
    """The layers of a table as models to run, and what they took then."""

    kit: ProbeKit
    reference: PaceReference

    @property
    def files(self) -> dict[str, str]:
        """The file of each sentinel in the kit, by its layer."""
        layers = {sentinel.layer for sentinel in self.reference.sentinels}
        return {probe.key: probe.file for probe in self.kit.probes("layer") if probe.key in layers}


def why_no_pace(sentinels: Sentinels | None, fingerprint: Fingerprint, plan: SamplingPlan) -> str:
    """Why the pace of this machine cannot be compared with a table's; empty if it can."""
    if sentinels is None:
        return "there is no table to compare the machine's pace with"
    if not sentinels.files:
        return "the sentinels of the table are not at hand"
    reference = sentinels.reference
    if differences := fingerprint.differences(reference.fingerprint):
        return f"the table was made on another machine: {differences[0]}"
    if plan.idle_s != reference.idle_s:
        return "the table was made with another rest between runs"
    return ""


def pace_of(reference: PaceReference, visits: Mapping[str, Sequence[tuple[int, ...]]]) -> MeasuredPace | None:
    """The pace that visits of sentinels tell; None where none could be timed.

    Args:
        reference: What they took when the table was made.
        visits: What they take now, by layer, in the order of rounds.
    """
    timed = [(sentinel, list(visits[sentinel.layer])) for sentinel in reference.sentinels if visits.get(sentinel.layer)]
    if not timed:
        return None

    def ratio(start: int, step: int) -> float:
        parts = [(sentinel, seen[start::step]) for sentinel, seen in timed]
        return float(np.median([_now(sentinel, part) / sentinel.latency_s for sentinel, part in parts if part]))

    groups = min(_GROUPS, *(len(seen) for _, seen in timed))
    parts = [ratio(start, groups) for start in range(groups)]
    error = float(np.std(parts, ddof=1) / np.sqrt(groups)) if groups > 1 else 0.0
    return MeasuredPace(ratio=ratio(0, 1), standard_error=error, sentinels=len(timed))


def _now(sentinel: Sentinel, visits: Sequence[tuple[int, ...]]) -> float:
    return Samples(visits_ns=tuple(visits)).statistic(sentinel.statistic)
