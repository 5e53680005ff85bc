"""One profiling run on one machine: every sample of every probe, and the conditions under which they were taken."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field, model_validator

from dna_deploy.errors import TableError
from dna_deploy.records.files import Migration, Part, Provenance, equal_to
from dna_deploy.records.probe_kit import Role
from dna_deploy.records.samples import Samples
from dna_deploy.records.space_record import HeadedRecord, with_head
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target


class ProbeSamples(Part):
    """What was seen of one probe."""

    role: Role
    key: str
    samples: Samples
    memory_bytes: int | None = Field(default=None, gt=0, description="scratch memory, where the runtime tells it")


class AbsentProbe(Part):
    """A probe that could not be timed, and why."""

    role: Role
    key: str
    reason: str


class Conditions(Part):
    """What else went on while it was measured."""

    other_load: tuple[float, ...] = Field(description="processors kept busy by others, one number a round")
    throttled: tuple[str, ...] = Field(default=(), description="what the hardware reported of heat or power limits")
    stalled_clock: int = Field(default=0, ge=0, description="visits thrown away because the clock stood still or jumped")
    disturbed: float = Field(
        default=0,
        ge=0,
        le=1,
        exclude_if=operator.not_,  # runs made before it keep their digests
        description="share of the time that was waited for a steady processor",
    )
    processors: int | None = Field(
        default=None, ge=1, exclude_if=equal_to(None), description="logical processors that the measuring process could use"
    )
    quota: float | None = Field(
        default=None, gt=0, exclude_if=equal_to(None), description="processors that a quota of the system left it"
    )
    quota_stops: int = Field(default=0, ge=0, exclude_if=operator.not_, description="how often that quota stopped it")
    pauses: int = Field(default=0, ge=0, description="how often the run was interrupted and taken up again")
    seconds: float = Field(ge=0, description="time spent measuring")


class ProfileRun(HeadedRecord):
    """The samples that tables are made of."""

    KIND: ClassVar[str] = "profile-run"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: with_head})

    provenance: Provenance
    kit_digest: str
    target: Target
    fingerprint: Fingerprint
    plan: SamplingPlan
    conditions: Conditions
    rounds: int = Field(ge=1, description="finished rounds")
    probes: tuple[ProbeSamples, ...]
    absent: tuple[AbsentProbe, ...]

    @model_validator(mode="after")
    def _names_once(self) -> ProfileRun:
        names = [*((probe.role, probe.key) for probe in self.probes), *((probe.role, probe.key) for probe in self.absent)]
        if len(set(names)) != len(names):
            raise ValueError("two probes have the same role and key")
        return self

    def of(self, *roles: Role) -> tuple[ProbeSamples, ...]:
        """The probes of these roles."""
        return tuple(probe for probe in self.probes if probe.role in roles)

    def only(self, role: Role) -> Samples:
        """The samples of the one probe of this role."""
        probes = self.of(role)
        if len(probes) != 1:
            raise TableError(f"the profile run of {self.space!r} has {len(probes)} probes {role!r}, not 1", "profile again")
        return probes[0].samples
