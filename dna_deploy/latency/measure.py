"""Measures one model file on a target, in the same way as probes are: in visits, a warm-up at each, all samples kept."""

from __future__ import annotations

import time
from pathlib import Path

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.doubts import doubts_about_model
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.latency.surroundings import Heat, OtherLoad
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance, digest_of, read_bytes
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.samples import Samples
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

LEAST_S = 2.0
"""One small model needs no longer, where its plan asks for a least time: all the rounds of it may pass in a tenth of a second,
which is too short to be typical."""


def measure_model(
    path: Path, target: Target, plan: SamplingPlan | None = None, on_progress: OnProgress = silent
) -> Measurement:
    """How long one inference of a model file takes on this machine.

    Args:
        path: A file that the target's runtime can load, such as ONNX.
        target: How to run it.
        plan: How often: rounds times runs samples; p90 needs 64 and p99 662.
        on_progress: Told after every visit.

    Raises:
        TableError: the file cannot be read, loaded or run.
        UnstableMeasurementError: the clock of this machine cannot be used, or the plan wants a steady processor and it is not.
    """
    plan = plan or SamplingPlan()
    plan = plan.model_copy(update={"least_s": min(plan.least_s, LEAST_S)})
    digest = digest_of(read_bytes(path, "model"))
    load, heat, stalled, begin = OtherLoad(), Heat(), 0, time.monotonic()
    visits: list[tuple[int, ...]] = []
    with IsolatedBench(target, plan, {path.name: path.resolve()}) as bench:
        for visit in sample(bench, (path.name,), plan, time.monotonic):
            if visit.failure:
                raise TableError(f"{path} cannot be run by {target.runtime}: {visit.failure}")
            if visit.is_possible:
                visits.append(visit.samples_ns)
            else:
                stalled += 1
            on_progress(Progress("measuring", visit.round + 1, plan.rounds))
        throttled, found = (*heat.look(), *bench.throttle_reasons()), bench.fingerprint
        disturbed = bench.waited_s / (time.monotonic() - begin)
    if not visits:
        raise UnstableMeasurementError(f"the clock stood still or jumped in all {stalled} visits")
    samples = Samples(visits_ns=tuple(visits))
    return Measurement(
        provenance=Provenance.now(),
        model=path.name,
        model_digest=digest,
        target=target,
        fingerprint=found,
        plan=plan,
        samples=samples,
        doubts=doubts_about_model(samples, load.look(), throttled, found, target, disturbed),
    )
