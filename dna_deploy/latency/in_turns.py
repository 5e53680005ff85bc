"""Times several model files in turns: what disturbs the machine disturbs all alike, so that their ratios hold at any pace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.isolation import CANNOT_RUN, IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.samples import Samples
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target


def time_in_turns(
    files: Mapping[str, Path], target: Target, plan: SamplingPlan, on_progress: OnProgress = silent
) -> dict[str, Samples]:
    """The samples of every file, by name.

    Raises:
        TableError: a file cannot be run; the message names it.
        UnstableMeasurementError: the clock of this machine cannot be used.
    """
    visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in files}
    begin = time.monotonic()
    with IsolatedBench(target, plan, files) as bench:
        for visit in sample(bench, tuple(files), plan, time.monotonic):
            if visit.failure:
                raise TableError(f"{files[visit.name]} cannot be run by {target.runtime}: {visit.failure}", CANNOT_RUN)
            if visit.is_possible:
                visits[visit.name].append(visit.samples_ns)
            rounds = visit.round + 1
            on_progress(Progress("timing whole networks", rounds, plan.expected_rounds(rounds, time.monotonic() - begin)))
    if not all(visits.values()):
        raise UnstableMeasurementError("the clock of this machine stands still or jumps", "choose another clock source")
    return {name: Samples(visits_ns=tuple(seen)) for name, seen in visits.items()}
