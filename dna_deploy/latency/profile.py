"""Profiles a probe kit on this machine: from a kit and a target to a profile run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.isolation import IsolatedBench, bench_of
from dna_deploy.latency.journal import Journal
from dna_deploy.latency.recorder import Recorder
from dna_deploy.latency.sampling import Bench, ProbeError, sample
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.probe_kit import KitProbe, ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration

LOOK_S = 0.2
"""How long visits are looked at to tell how long a profile will take."""


def profile_kit(
    kit: ProbeKit,
    target: Target,
    plan: SamplingPlan,
    journal: Path,
    *,
    validation_networks: int = 0,
    on_progress: OnProgress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> ProfileRun:
    """Times everything in a kit.

    Args:
        kit: The probes.
        target: How to run them.
        plan: How often.
        journal: Where finished visits are kept while the run goes on; a journal of the same run is taken up. The caller
            removes it once the result is kept.
        validation_networks: How many of the kit's validation networks to time along.
        on_progress: Told after every visit, with an estimate of the time that is left.
        clock: Seconds that only go forward.

    Raises:
        UnstableMeasurementError: nothing could be timed.
    """
    probes = {probe.file: probe for probe in chosen_probes(kit, validation_networks)}
    with bench_of(kit, target, plan, tuple(probes)) as bench:
        run = {
            "kit": kit.digest,
            "target": target.model_dump(mode="json"),
            "plan": plan.model_dump(mode="json"),
            "fingerprint": bench.fingerprint.model_dump(mode="json"),
            "probes": sorted(probes),
        }
        with Journal(journal, run) as book:
            recorder = Recorder(kit, target, plan, probes, bench, book, clock)
            expected = _expectation(kit, validation_networks, plan, bench)
            on_progress(Progress("measuring", recorder.visits, recorder.total, expected))
            for visit in sample(bench, tuple(probes), plan, clock, recorder.done, recorder.absent, recorder.spent_s):
                recorder.take(visit)
                on_progress(Progress("measuring", recorder.visits, recorder.total, recorder.remark()))
            try:
                return recorder.profile_run()
            except (TableError, UnstableMeasurementError):
                # Nothing could be timed: the next try is to begin anew.
                journal.unlink(missing_ok=True)
                raise


def check_runnable(target: Target, plan: SamplingPlan) -> None:
    """Raises what `profile_kit` would for a target that this machine cannot run, before a kit is made for it."""
    with IsolatedBench(target, plan, {}):
        return


def chosen_probes(kit: ProbeKit, validation_networks: int) -> tuple[KitProbe, ...]:
    """What of a kit is timed."""
    return (*kit.probes("empty", "sentinel", "layer", "calibration"), *kit.probes("validation")[:validation_networks])


def estimate_profile(kit: ProbeKit, target: Target, plan: SamplingPlan, validation_networks: int = 0) -> Duration:
    """About how long `profile_kit` will take here.

    Raises:
        TableError: the layer that it is told from cannot be run.
    """
    if plan.budget_s is not None:
        return Duration(plan.budget_s)
    looked_at = kit.probes("empty", "sentinel")
    with bench_of(kit, target, plan, tuple(probe.file for probe in looked_at)) as bench:
        try:
            return estimate(kit, validation_networks, plan, bench)
        except ProbeError as error:
            raise TableError(
                f"{looked_at[-1].key} cannot be run by {target.runtime}: {error}",
                "see what this machine can run with: dna-deploy targets",
            ) from error


def estimate(
    kit: ProbeKit,
    validation_networks: int,
    plan: SamplingPlan,
    bench: Bench,
    clock: Callable[[], float] = time.perf_counter,
) -> Duration:
    """About how long a profile will take: what visits of nothing take, and of a layer, scaled by multiply-accumulates.

    Raises:
        ProbeError: one of both cannot be run.
    """
    (empty,), (sentinel,) = kit.probes("empty"), kit.probes("sentinel")
    visit_s = _visit_s(bench, empty.file, clock)
    layer_s = max(0.0, _visit_s(bench, sentinel.file, clock) - visit_s)
    layers = [PlacedLayer.parse(probe.key).macs for probe in kit.probes("layer")]
    networks = len(kit.probes("calibration")) + min(validation_networks, len(kit.probes("validation")))
    # A whole network has each kind of layer several times; kits do not say how often, a sixth of all rows fits our spaces.
    macs = sum(layers) * (1 + networks / 6)
    count = len(chosen_probes(kit, validation_networks))
    round_s = count * visit_s + layer_s * macs / max(1, PlacedLayer.parse(sentinel.key).macs)
    return Duration(round_s * plan.expected_rounds(1, round_s))


def _visit_s(bench: Bench, name: str, clock: Callable[[], float]) -> float:
    """What a visit takes in the mean of `LOOK_S`, waiting for a steady processor included."""
    bench.visit(name)  # loads it
    count, begin = 0, clock()
    while (spent := clock() - begin) < LOOK_S or not count:
        bench.visit(name)
        count += 1
    return spent / count


def _expectation(kit: ProbeKit, validation_networks: int, plan: SamplingPlan, bench: IsolatedBench) -> str:
    try:
        return f"about {Duration(plan.budget_s or estimate(kit, validation_networks, plan, bench).seconds)} in all"
    except ProbeError:
        return "how long it takes cannot be told: the layer that it is told from cannot be run"
