"""Whether a table still holds: a few of its rows timed again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.isolation import bench_of
from dna_deploy.latency.sampling import sample
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.latency_table import LatencyRow, LatencyTable, spread_rows
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan

PLAN = SamplingPlan(rounds=48, budget_s=40.0)
LIMIT = 0.06
"""A median change beyond this breaks a table. Runs of one machine an hour apart differ by up to 3 %."""


@dataclass(frozen=True)
class Recheck:
    """Rows of a table and what they take now, alone."""

    rows: tuple[tuple[LatencyRow, float], ...]
    machine: tuple[str, ...]
    """What is different about the machine."""

    @property
    def median_change(self) -> float:
        return float(np.median([now / row.alone_s - 1 for row, now in self.rows]))

    @property
    def holds(self) -> bool:
        return abs(self.median_change) <= LIMIT


def recheck(
    table: LatencyTable,
    kit: ProbeKit,
    *,
    any_machine: bool = False,
    plan: SamplingPlan = PLAN,
    on_progress: OnProgress = silent,
) -> Recheck:
    """Times `ROWS_AGAIN` rows of a table again, evenly spread over what they cost.

    Raises:
        TableError: the kit is of another space, or the table of another machine and that was not allowed.
        UnstableMeasurementError: the clock cannot be used.
    """
    if (kit.manifest.space_digest, kit.manifest.head) != (table.space_digest, table.head):
        kits, tables = (f"{record.space!r} with {record.head}" for record in (kit.manifest, table))
        raise TableError(f"the kit is for space {kits}, the table for {tables}")
    rows = spread_rows(table.rows)
    files = {probe.key: probe.file for probe in kit.probes("layer")}
    (empty,) = kit.probes("empty")
    names = (empty.file, *(files[row.layer] for row in rows))
    visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}
    begin = time.monotonic()
    with bench_of(kit, table.target, plan, names) as bench:
        machine = table.fingerprint.differences(bench.fingerprint)
        if machine and not any_machine:
            raise other_machine(table, bench.fingerprint)
        for visit in sample(bench, names, plan, time.monotonic):
            if visit.failure:
                raise TableError(f"{visit.name} cannot be timed any more: {visit.failure}")
            if visit.is_possible:
                visits[visit.name].append(visit.samples_ns)
            rounds = visit.round + 1
            on_progress(Progress("timing again", rounds, plan.expected_rounds(rounds, time.monotonic() - begin)))
    if not all(visits.values()):
        raise UnstableMeasurementError("the clock of this machine stands still or jumps", "choose another clock source")
    seconds = {name: Samples(visits_ns=tuple(seen)).statistic(table.statistic) for name, seen in visits.items()}
    return Recheck(tuple((row, max(seconds[files[row.layer]] - seconds[empty.file], 1e-9)) for row in rows), machine)


def other_machine(table: LatencyTable, fingerprint: Fingerprint) -> TableError:
    """The refusal to use a table on a machine that it was not made on."""
    return TableError(
        f"the table of {table.target.name!r} was made on another machine: {table.fingerprint.differences(fingerprint)[0]}",
        "profile this machine, or compare in spite of it with --any-machine",
    )
