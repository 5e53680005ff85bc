"""Profiles a probe kit on this machine: from a kit and a target to a profile run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from dna_deploy.errors import UnstableMeasurementError
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.journal import Journal
from dna_deploy.latency.sampling import Visit, sample
from dna_deploy.latency.surroundings import OtherLoad
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance
from dna_deploy.records.probe_kit import KitProbe, ProbeKit
from dna_deploy.records.profile_run import AbsentProbe, Conditions, ProbeSamples, ProfileRun
from dna_deploy.records.samples import Samples
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target


def profile_kit(
    kit: ProbeKit,
    target: Target,
    plan: SamplingPlan,
    journal: Path,
    *,
    validation_networks: int = 0,
    on_progress: OnProgress = silent,
) -> ProfileRun:
    """Times everything in a kit.

    Args:
        kit: The probes.
        target: How to run them.
        plan: How often.
        journal: Where finished visits are kept while the run goes on; a journal of the same run is taken up.
        validation_networks: How many of the kit's validation networks to time along.
        on_progress: Told after every visit.

    Raises:
        UnstableMeasurementError: the clock of this machine cannot be used.
    """
    probes = {probe.file: probe for probe in _chosen(kit, validation_networks)}
    with tempfile.TemporaryDirectory(prefix="dna-deploy-") as folder:
        kit.unpack(Path(folder), tuple(probes))
        with IsolatedBench(target, plan, {name: Path(folder) / name for name in probes}) as bench:
            run = {
                "kit": kit.digest,
                "target": target.model_dump(mode="json"),
                "plan": plan.model_dump(mode="json"),
                "fingerprint": bench.fingerprint.model_dump(mode="json"),
                "probes": sorted(probes),
            }
            book = Journal(journal, run)
            try:
                profile = _measure(kit, target, plan, bench, probes, book, on_progress)
            except BaseException:
                book.close()
                raise
    return profile


def _chosen(kit: ProbeKit, validation_networks: int) -> tuple[KitProbe, ...]:
    return (*kit.probes("empty", "sentinel", "layer", "calibration"), *kit.probes("validation")[:validation_networks])


def _measure(
    kit: ProbeKit,
    target: Target,
    plan: SamplingPlan,
    bench: IsolatedBench,
    probes: Mapping[str, KitProbe],
    book: Journal,
    on_progress: OnProgress,
) -> ProfileRun:
    story, load, begin, stalled = book.story, OtherLoad(), time.monotonic(), 0
    spent = story.seconds
    throttled: dict[str, None] = {}
    visits = list(story.visits)
    done = {(visit.round, visit.name) for visit in visits}
    absent = {visit.name: visit.failure for visit in visits if visit.failure}
    total, current = plan.rounds * len(probes), 0
    for visit in sample(bench, tuple(probes), plan, time.monotonic, done, absent, spent):
        if visit.round != current:
            current = visit.round
            story.other_load.append(load.look())
            throttled.update(dict.fromkeys(bench.throttle_reasons()))
            book.round(story.other_load[-1], spent + time.monotonic() - begin)
        if visit.failure:
            absent[visit.name] = visit.failure
        elif min(visit.samples_ns) <= 0:
            stalled += 1
            continue
        book.visit(visit)
        visits.append(visit)
        on_progress(Progress("measuring", len(visits), total, f"round {visit.round + 1} of {plan.rounds}"))
    story.other_load.append(load.look())
    samples = _by_name(visits, absent)
    if not samples:
        reasons = "; ".join(sorted(set(absent.values()))) or "the clock stands still"
        raise UnstableMeasurementError(f"nothing could be timed: {reasons}")
    return ProfileRun(
        provenance=Provenance.now(),
        space=kit.manifest.space,
        space_digest=kit.manifest.space_digest,
        kit_digest=kit.digest,
        target=target,
        fingerprint=bench.fingerprint,
        plan=plan,
        conditions=Conditions(
            other_load=tuple(round(load, 4) for load in story.other_load),
            throttled=tuple(throttled),
            stalled_clock=stalled,
            pauses=story.pauses,
            seconds=round(spent + time.monotonic() - begin, 3),
        ),
        rounds=max(visit.round for visit in visits) + 1,
        probes=tuple(
            ProbeSamples(role=probe.role, key=probe.key, samples=samples[name])
            for name, probe in probes.items()
            if name in samples
        ),
        absent=tuple(
            AbsentProbe(role=probe.role, key=probe.key, reason=absent.get(name, "it was never reached"))
            for name, probe in probes.items()
            if name not in samples
        ),
    )


def _by_name(visits: list[Visit], absent: Mapping[str, str]) -> dict[str, Samples]:
    found: dict[str, list[tuple[int, ...]]] = {}
    for visit in sorted(visits, key=lambda visit: visit.round):
        if visit.name not in absent and visit.samples_ns:
            found.setdefault(visit.name, []).append(visit.samples_ns)
    return {name: Samples(visits_ns=tuple(of)) for name, of in found.items()}
