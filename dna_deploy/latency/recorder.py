"""Collects what happens during a profile, in a journal as it happens, and makes the profile run of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol

from dna_deploy.errors import TableError, UnstableMeasurementError
from dna_deploy.latency.journal import Journal
from dna_deploy.latency.sampling import Visit
from dna_deploy.latency.surroundings import Heat, OtherLoad, QuotaStops
from dna_deploy.records.files import Provenance
from dna_deploy.records.probe_kit import KitProbe, ProbeKit
from dna_deploy.records.profile_run import AbsentProbe, Conditions, ProbeSamples, ProfileRun
from dna_deploy.records.samples import Samples
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.machine import processor_quota, usable_processors
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target


class Machine(Protocol):
    """What a recorder asks of the machine."""

    memory_bytes: dict[str, int]
    """Scratch memory of probes, where the runtime tells it."""

    waited_s: float
    """For moments in which nobody else slowed the processor down."""

    @property
    def fingerprint(self) -> Fingerprint:
        """The machine with its runtime."""

    def throttle_reasons(self) -> tuple[str, ...]:
        """What the hardware reports of heat or power limits right now."""


class Recorder:
    """The visits of a run so far, those before an interruption included."""

    def __init__(
        self,
        kit: ProbeKit,
        target: Target,
        plan: SamplingPlan,
        probes: Mapping[str, KitProbe],
        machine: Machine,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._kit, self._target, self._plan, self._probes = kit, target, plan, probes
        self._machine, self._journal, self._clock, self._begin = machine, journal, clock, clock()
        self._story, self._load, self._fresh = journal.story, OtherLoad(), 0
        self._stalled, self._round, self._heat, self._quota = 0, -1, Heat(), QuotaStops()
        self._throttled: dict[str, None] = {}
        self.spent_s = self._story.seconds
        self.done = {(visit.round, visit.name) for visit in self._story.visits}
        self.absent = {visit.name: visit.failure for visit in self._story.visits if visit.failure}

    @property
    def visits(self) -> int:
        """Finished visits."""
        return len(self._story.visits)

    @property
    def rounds(self) -> int:
        """How many rounds it will be, as far as can be told."""
        finished = self._round
        return self._plan.expected_rounds(finished, self.seconds) if finished > 0 else self._plan.rounds

    @property
    def total(self) -> int:
        """How many visits it will be, as far as can be told."""
        return max(self.visits, self.rounds * len(self._probes))

    @property
    def seconds(self) -> float:
        """Time spent measuring, before the interruption too."""
        return self.spent_s + self._clock() - self._begin

    def take(self, visit: Visit) -> None:
        """Keeps a visit; one during which the clock stood still or jumped is worth nothing."""
        if visit.round != self._round:
            self._round = visit.round
            self._look()
        if visit.failure:
            self.absent[visit.name] = visit.failure
        elif not visit.is_possible:
            self._stalled += 1
            return
        self._journal.visit(visit)
        self._story.visits.append(visit)
        self._fresh += 1

    def remark(self) -> str:
        """Where the run is, and about how long it will still take."""
        left = (self._clock() - self._begin) / max(1, self._fresh) * max(0, self.total - self.visits)
        return f"round {self._round + 1} of {self.rounds}, about {left:.0f} s left"

    def profile_run(self) -> ProfileRun:
        """Everything seen.

        Raises:
            TableError: no layer could be run at all.
            UnstableMeasurementError: the clock stands still.
        """
        self._look()
        samples = self._samples()
        if not any(self._probes[name].role == "layer" for name in samples):
            if self.absent:
                raise TableError(
                    f"no layer could be run by {self._target.runtime}: {next(iter(self.absent.values()))}",
                    "see what this machine can run with: dna-deploy targets",
                )
            raise UnstableMeasurementError("the clock of this machine stands still or jumps", "choose another clock source")
        return ProfileRun(
            provenance=Provenance.now(),
            space=self._kit.manifest.space,
            space_digest=self._kit.manifest.space_digest,
            head=self._kit.manifest.head,
            kit_digest=self._kit.digest,
            target=self._target,
            fingerprint=self._machine.fingerprint,
            plan=self._plan,
            conditions=self._conditions(),
            rounds=max(visit.round for visit in self._story.visits) + 1,
            probes=tuple(
                ProbeSamples(
                    role=self._probes[name].role,
                    key=self._probes[name].key,
                    samples=sample,
                    memory_bytes=self._machine.memory_bytes.get(name),
                )
                for name, sample in samples.items()
            ),
            absent=tuple(self._missing(samples)),
        )

    def _missing(self, samples: Collection[str]) -> Iterator[AbsentProbe]:
        """What was not timed, each with its reason."""
        for name, probe in self._probes.items():
            if name not in samples:
                yield AbsentProbe(role=probe.role, key=probe.key, reason=self.absent.get(name, "it was never timed"))

    def _look(self) -> None:
        self._story.other_load.append(round(self._load.look(), 4))
        self._throttled.update(dict.fromkeys((*self._heat.look(), *self._machine.throttle_reasons())))
        self._journal.round(self._story.other_load[-1], self.seconds)

    def _conditions(self) -> Conditions:
        return Conditions(
            other_load=tuple(self._story.other_load),
            throttled=tuple(self._throttled),
            stalled_clock=self._stalled,
            disturbed=min(1.0, round(self._machine.waited_s / max(1e-9, self._clock() - self._begin), 4)),
            processors=len(usable_processors()),
            quota=processor_quota(),
            quota_stops=self._quota.look(),
            pauses=self._story.pauses,
            seconds=round(self.seconds, 3),
        )

    def _samples(self) -> dict[str, Samples]:
        by_probe: dict[str, list[tuple[int, ...]]] = {name: [] for name in self._probes}
        for visit in sorted(self._story.visits, key=lambda visit: visit.round):
            if visit.name in by_probe and visit.name not in self.absent:
                by_probe[visit.name].append(visit.samples_ns)
        return {name: Samples(visits_ns=tuple(visits)) for name, visits in by_probe.items() if visits}
