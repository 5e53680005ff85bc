"""Measures one model file on a target, in the same way as probes are: in visits, a warm-up at each, all samples kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import TableError, UnstableMeasurementError, UsageError
from dna_deploy.latency.beside import PREFIX, Sentinels, pace_of, why_no_pace
from dna_deploy.latency.doubts import doubts_about_model
from dna_deploy.latency.isolation import CANNOT_RUN, IsolatedBench, temporary_folder
from dna_deploy.latency.runners.inputs import GivenInput
from dna_deploy.latency.sampling import sample
from dna_deploy.latency.surroundings import Heat, OtherLoad, QuotaStops
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance, digest_of, read_bytes
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.profile_run import Conditions
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.machine import processor_quota, usable_processors
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target, images

_IMAGE_SIZES = 4
"""Batch, channels, height and width; other inputs may begin with anything."""

LEAST_S = 2.0
"""One small model needs no longer where its plan asks for a least time, without which all rounds may pass in a tenth of one."""


@dataclass(frozen=True)
class _Timed:
    """What was seen while a model was timed."""

    visits: Mapping[str, Sequence[tuple[int, ...]]]
    conditions: Conditions
    fingerprint: Fingerprint
    shapes: Mapping[str, tuple[int, ...]]
    no_pace: str


def measure_model(
    path: Path,
    target: Target,
    plan: SamplingPlan | None = None,
    on_progress: OnProgress = silent,
    *,
    inputs: Sequence[GivenInput] = (),
    sentinels: Sentinels | None = None,
) -> Measurement:
    """How long one inference of a model file takes on this machine.

    Args:
        path: A file that the target's runtime can load, such as ONNX.
        target: How to run it.
        plan: How often: rounds times runs samples; p90 needs 64 and p99 662.
        on_progress: Told after every visit.
        inputs: What to feed it with, where it leaves that open.
        sentinels: Layers of a table to time along, which tell the pace of the machine.

    Raises:
        TableError: the file cannot be read, loaded or run.
        UsageError: it takes another number of images at once than the target says, or leaves open what it is fed with.
        UnstableMeasurementError: the clock of this machine cannot be used, or the plan wants a steady processor and it is not.
    """
    plan = plan or SamplingPlan()
    share = 1 if sentinels is None else 1 + len(sentinels.files)
    plan = plan.model_copy(update={"least_s": min(plan.least_s, share * LEAST_S)})
    digest = digest_of(read_bytes(path, "model"))
    timed = _time(path, target, plan, on_progress, inputs, sentinels)
    if not timed.visits[path.name]:
        raise UnstableMeasurementError(f"the clock stood still or jumped in all {timed.conditions.stalled_clock} visits")
    samples = Samples(visits_ns=tuple(timed.visits[path.name]))
    pace = None
    if sentinels is not None and not timed.no_pace:
        seen = {name.removeprefix(PREFIX): visits for name, visits in timed.visits.items() if name.startswith(PREFIX)}
        pace = pace_of(sentinels.reference, seen)
    return Measurement(
        provenance=Provenance.now(),
        model=path.name,
        model_digest=digest,
        target=target,
        fingerprint=timed.fingerprint,
        plan=plan,
        inputs=tuple(f"{name} {'x'.join(map(str, shape))}" for name, shape in timed.shapes.items()),
        samples=samples,
        pace=pace,
        no_pace=timed.no_pace or ("" if pace else "no sentinel of the table could be timed"),
        doubts=doubts_about_model(samples, timed.conditions, timed.fingerprint, target, pace),
    )


def _time(
    path: Path,
    target: Target,
    plan: SamplingPlan,
    on_progress: OnProgress,
    inputs: Sequence[GivenInput],
    sentinels: Sentinels | None,
) -> _Timed:
    files = {} if sentinels is None else sentinels.files
    load, heat, quota, stalled, begin = OtherLoad(), Heat(), QuotaStops(), 0, time.monotonic()
    with temporary_folder() if files else nullcontext(path.parent) as folder:
        models = {path.name: path.resolve(), **{PREFIX + layer: folder / file for layer, file in files.items()}}
        scratch = folder if files else None
        with IsolatedBench(target, plan, models, scratch, {path.name: inputs}) as bench:
            if no_pace := why_no_pace(sentinels, bench.fingerprint, plan):
                models = {path.name: models[path.name]}
            elif sentinels is not None:
                sentinels.kit.unpack(folder, tuple(files.values()))
            visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in models}
            for visit in sample(bench, tuple(models), plan, time.monotonic):
                if visit.name == path.name:
                    if visit.failure:
                        raise TableError(f"{path} cannot be run by {target.runtime}: {visit.failure}", CANNOT_RUN)
                    if not visits[path.name]:
                        check_inputs(path.name, bench.shapes[path.name], target, inputs)
                if visit.samples_ns and visit.is_possible:
                    visits[visit.name].append(visit.samples_ns)
                else:
                    stalled += not visit.failure
                rounds = visit.round + 1
                on_progress(Progress("measuring", rounds, plan.expected_rounds(rounds, time.monotonic() - begin)))
            seconds = time.monotonic() - begin
            conditions = Conditions(
                other_load=(load.look(),),
                throttled=(*heat.look(), *bench.throttle_reasons()),
                stalled_clock=stalled,
                disturbed=min(1.0, bench.waited_s / max(seconds, 1e-9)),
                processors=len(usable_processors()),
                quota=processor_quota(),
                quota_stops=quota.look(),
                seconds=seconds,
            )
            return _Timed(visits, conditions, bench.fingerprint, bench.shapes[path.name], no_pace)


def check_inputs(name: str, shapes: Mapping[str, tuple[int, ...]], target: Target, given: Sequence[GivenInput]) -> None:
    """Raises `UsageError` if a model takes another number of images at once than the target says, or lacks a named input."""
    if not shapes:
        return  # a runtime that does not tell
    unknown = next((each.name for each in given if each.name and each.name not in shapes), None)
    if unknown is not None:
        raise UsageError(f"{name} has no input {unknown!r}; it has {', '.join(shapes)}")
    batches = {shape[0] for shape in shapes.values() if len(shape) == _IMAGE_SIZES}
    if batches and target.batch not in batches:
        batch = max(batches)
        raise UsageError(
            f"{name} takes {images(batch)} at once; the target {target.name!r} measures {images(target.batch)}",
            f"export it with --batch {target.batch}, or verify it with a target that has batch = {batch}",
        )
