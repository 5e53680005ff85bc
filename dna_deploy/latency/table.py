"""From profile runs to a latency table: a pure function, so that a committed table can be made again and compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dna_deploy.errors import TableError
from dna_deploy.latency.between import WholeNetworks, rows_between
from dna_deploy.latency.calibrate import LEAST_NETWORKS, calibrate_sums
from dna_deploy.latency.doubts import absent_layers, doubts_about
from dna_deploy.latency.twins import as_one_device
from dna_deploy.records.doubt import worst_grade
from dna_deploy.records.latency_table import AbsentRow, Calibration, LatencyRow, LatencyTable, spread_rows
from dna_deploy.records.pace import Sentinel
from dna_deploy.records.profile_run import ProbeSamples, ProfileRun
from dna_deploy.records.samples import LEAST_SAMPLES, TAILS, Quantile, Samples
from dna_deploy.spaces.space import SearchSpace


def table_from_runs(runs: Sequence[ProfileRun], space: SearchSpace | None = None, *, are_twins: bool = False) -> LatencyTable:
    """The latency table that some runs of one space on one machine make together.

    Args:
        runs: In the order of time; of twins in any.
        space: The runs' space; None looks it up by its name.
        are_twins: Whether they may be of several equal machines, which are calibrated against the first by name.

    Raises:
        TableError: the runs are of different spaces, targets or machines, or of another version of the space.
    """
    if not runs:
        raise TableError("there is no profile run to make a table of", "make one with: dna-deploy profile")
    if are_twins:
        runs = sorted(runs, key=lambda run: (run.provenance.host, run.provenance.created_at, run.digest))
    last = runs[-1]
    check_mergeable(runs, are_twins=are_twins)
    digests = tuple(run.digest for run in runs)
    runs, doubts_of_twins = as_one_device(runs) if are_twins else (runs, ())
    space = space or last.find_networks()
    last.check_networks(space, "profile it again")
    probes = _merged(runs)
    overhead = _only(probes, "empty").statistic(last.plan.statistic)
    alone = tuple(_row(probe, overhead, last) for probe in probes if probe.role == "layer")
    layers = {row.layer for row in alone}
    quantiles = [name for name in LEAST_SAMPLES if name not in TAILS or not any(run.plan.steady for run in runs)]
    between, calibrations = _calibrations(space, alone, probes, quantiles)
    rows = tuple(
        row.model_copy(update={"latency_s": latency, "seam_s": row.latency_s - latency})
        for row, latency in zip(alone, between, strict=True)
    )
    doubts = (*doubts_about(runs, alone, calibrations), *doubts_of_twins)
    return LatencyTable(
        provenance=last.provenance,
        space=last.space,
        space_digest=last.space_digest,
        head=last.head,
        target=last.target,
        fingerprint=last.fingerprint,
        statistic=last.plan.statistic,
        rows=rows,
        absent=tuple(AbsentRow(layer=key, reason=reason) for key, reason in absent_layers(runs, layers).items()),
        overhead_s=overhead,
        calibrations=calibrations,
        grade=worst_grade(doubts),
        doubts=doubts,
        runs=digests,
        idle_s=last.plan.idle_s,
        sentinels=_sentinels(rows, probes),
    )


def _sentinels(rows: Sequence[LatencyRow], probes: Sequence[ProbeSamples]) -> tuple[Sentinel, ...]:
    """Rows that later tell the pace of the machine: by their medians, as promises are."""
    medians = {probe.key: probe.samples.statistic("p50") for probe in probes if probe.role == "layer"}
    return tuple(Sentinel(layer=row.layer, latency_s=medians[row.layer]) for row in spread_rows(rows))


def check_mergeable(runs: Sequence[ProfileRun], *, are_twins: bool = False) -> None:
    """Raises `TableError` unless all runs measured the same thing on the same machine, or on equal ones that are twins."""
    first = runs[0]
    for run in runs[1:]:
        problems = first.fingerprint.differences(run.fingerprint)
        if first.provenance.host != run.provenance.host and not are_twins:
            problems = (f"host: {first.provenance.host!r}, not {run.provenance.host!r}", *problems)
        for name in ("space_digest", "head", "target"):
            if getattr(first, name) != getattr(run, name):
                problems = (f"{name}: {getattr(first, name)}, not {getattr(run, name)}", *problems)
        if problems:
            raise TableError(f"these profile runs do not belong together: {problems[0]}", "make one table of each")


def _merged(runs: Sequence[ProfileRun]) -> tuple[ProbeSamples, ...]:
    merged: dict[tuple[str, str], ProbeSamples] = {}
    for run in runs:
        for probe in run.probes:
            name = (probe.role, probe.key)
            earlier = merged[name].samples.visits_ns if name in merged else ()
            merged[name] = probe.model_copy(update={"samples": Samples(visits_ns=earlier + probe.samples.visits_ns)})
    return tuple(merged.values())


def _only(probes: Sequence[ProbeSamples], role: str) -> Samples:
    samples = [probe.samples for probe in probes if probe.role == role]
    if not samples:
        raise TableError(f"the profile run holds no {role!r} probe", "profile again")
    return samples[0]


def _row(probe: ProbeSamples, overhead: float, run: ProfileRun) -> LatencyRow:
    statistic = run.plan.statistic
    # A layer cheaper than what any run costs is at the limit of the clock, but it is not free.
    latency = max(probe.samples.statistic(statistic) - overhead, 1e-9)
    error = min(probe.samples.standard_error(statistic), probe.samples.statistic(statistic))
    return LatencyRow(
        layer=probe.key,
        latency_s=latency,
        standard_error_s=error,
        samples=probe.samples.count,
        memory_bytes=probe.memory_bytes,
    )


def _calibrations(
    space: SearchSpace, rows: Sequence[LatencyRow], probes: Sequence[ProbeSamples], quantiles: Sequence[Quantile]
) -> tuple[Sequence[float], tuple[Calibration, ...]]:
    """What every row takes between others, by whole networks, and what turns sums of that into their latencies."""
    place_of = {row.layer: place for place, row in enumerate(rows)}
    placed, timed = [], []
    for probe in probes:
        if probe.role == "calibration":
            layers = [layer.key for layer in space.place(space.parse(probe.key))]
            if all(layer in place_of for layer in layers):
                placed.append(tuple(place_of[layer] for layer in layers))
                timed.append(probe.samples)
    rows_s = np.array([row.latency_s for row in rows])
    if len(timed) < LEAST_NETWORKS:
        return rows_s.tolist(), ()
    networks = WholeNetworks(tuple(placed), rows_s, tuple(samples.statistic("p50") for samples in timed))
    between = rows_between(networks)
    without = [networks.sums_s(rows_between(networks.without(network))) for network in range(len(networks))]
    return between.tolist(), tuple(
        calibrate_sums(quantile, networks.sums_s(between), [samples.statistic(quantile) for samples in timed], without)
        for quantile in quantiles
        if all(samples.can_tell(quantile) for samples in timed)
    )
