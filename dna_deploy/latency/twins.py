"""Runs of several equal devices as runs of one: each is calibrated against the first by what both have timed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from dna_deploy.errors import TableError
from dna_deploy.records.doubt import Doubt, Grade
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.samples import Samples

LIMITS: tuple[tuple[float, Grade], ...] = ((0.12, "D"), (0.06, "C"), (0.03, "B"))
"""How far a twin may be from the first, or its layers from its mean: as for a measurement's own halves."""


def as_one_device(runs: Sequence[ProfileRun]) -> tuple[tuple[ProfileRun, ...], tuple[Doubt, ...]]:
    """The runs with samples as the first device would have seen them, and a doubt for each twin that disagrees with it.

    Raises:
        TableError: a twin has timed nothing that the first has.
    """
    first = runs[0].provenance.host
    scaled, doubts = list[ProfileRun](), list[Doubt]()
    for host, of_host in groupby(sorted(runs, key=lambda run: (run.provenance.host != first, run.provenance.host)), _host):
        its_runs = tuple(of_host)
        if host == first:
            reference = _latencies(its_runs)
            scaled += its_runs
            continue
        factor, scatter, common = _compared(reference, _latencies(its_runs), host)
        scaled += [_slowed(run, 1 / factor) for run in its_runs]
        doubts += _doubt(first, host, factor, scatter, common)
    return tuple(scaled), tuple(doubts)


def _host(run: ProfileRun) -> str:
    return run.provenance.host


def _latencies(runs: Sequence[ProfileRun]) -> dict[tuple[str, str], float]:
    """What a device says of each model, but of the empty one, which is at the limit of the clock."""
    return {
        (probe.role, probe.key): probe.samples.statistic(run.plan.statistic)
        for run in runs
        for probe in run.of("sentinel", "layer", "calibration", "validation")
    }


def _compared(
    reference: dict[tuple[str, str], float], latencies: dict[tuple[str, str], float], host: str
) -> tuple[float, float, int]:
    """How much longer a device takes in the median, how far its models are from that, and how many both have timed."""
    common = sorted(reference.keys() & latencies.keys())
    if not common:
        raise TableError(f"{host} has timed nothing that its twin has", "profile the fleet again")
    ratios = np.array([latencies[name] / reference[name] for name in common])
    factor = float(np.median(ratios))
    return factor, float(np.median(np.abs(ratios / factor - 1))), len(common)


def _doubt(first: str, host: str, factor: float, scatter: float, common: int) -> list[Doubt]:
    worst = max(abs(factor - 1), scatter)
    grade = next((grade for limit, grade in LIMITS if worst > limit), None)
    if grade is None:
        return []
    message = f"{host} takes {factor - 1:+.1%} of its twin {first}, give or take {scatter:.1%}, by {common} models"
    return [Doubt(name="twins", message=message, advice="look at cooling and power, or profile them apart", grade=grade)]


def _slowed(run: ProfileRun, factor: float) -> ProfileRun:
    """The run with every sample multiplied."""

    def scaled(samples: Samples) -> Samples:
        return Samples(visits_ns=tuple(tuple(round(run_ns * factor) for run_ns in visit) for visit in samples.visits_ns))

    probes = tuple(probe.model_copy(update={"samples": scaled(probe.samples)}) for probe in run.probes)
    return run.model_copy(update={"probes": probes})
