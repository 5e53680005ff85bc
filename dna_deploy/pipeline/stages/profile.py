"""Measures every layer on the device."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from dna_deploy.pipeline.images import SpaceSource
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Part
from dna_deploy.targets.target_file import TargetFile

if TYPE_CHECKING:
    from dna_deploy.latency.remote import Remote
    from dna_deploy.latency.workshop import Folders, Profiled
    from dna_deploy.records.probe_kit import ProbeKit

KIT_NETWORKS = 40
"""Validation networks of every kit: so many are made, however few are measured, and a kit that was made serves again."""


class ProfileConfig(Part):
    """How long to measure."""

    rounds: int | None = Field(None, ge=2, description="visits to every layer, exactly; by default as the target's file says")
    budget: str | None = Field(None, description="measure no longer than this, such as 60s")
    validation_networks: int = Field(16, ge=0, description="whole networks timed beside, which judge the table")
    steady: bool = Field(False, description="measure only while nobody else slows the processor down, here and in later stages")
    accept_noise: bool | None = Field(
        None, description="go on with a graded table when the machine is noisy; by default a journey does, and a command stops"
    )

    def applied_to(self, file: TargetFile, quantile: str) -> TargetFile:
        """The target, measured so, and often enough to speak of the quantile."""
        from dna_deploy.records.samples import plan_for
        from dna_deploy.units import Duration

        changes: dict[str, object] = {} if self.rounds is None else {"rounds": self.rounds, "least_s": 0.0}
        changes |= {"budget_s": Duration.parse(self.budget).seconds} if self.budget else {}
        changes |= {"steady": True} if self.steady else {}
        return replace(file, plan=plan_for(quantile, file.plan.model_copy(update=changes)))


@dataclass(frozen=True)
class Profile:
    """The latency table of a space on this machine. ``target`` holds the plan to measure by."""

    source: SpaceSource
    target: TargetFile
    config: ProfileConfig
    seed: int
    profiles: Path
    table_file: Path
    accepts_noise: bool = True
    name: str = "profile"
    summary: str = "measure every layer on this machine"

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.table_file,)

    @property
    def estimate_s(self) -> float:
        models, plan = len(self.source.space.rows()) + 2 * self.config.validation_networks, self.target.plan
        visit_s = 0.012 if plan.steady else 0.002  # as in the demos of benchmarks/results/promise_demos.csv: steady ones wait
        return 20 + max(visit_s * models * plan.rounds, plan.least_s)

    def inputs(self) -> Inputs:
        from dna_deploy.targets.machine import processor_name

        return {
            "space": self.source.space_input,
            "target": self.target.target.model_dump_json(),
            "sampling": self.target.plan.model_dump_json(),
            "validation networks": str(self.config.validation_networks),
            "machine": f"{platform.node()} {processor_name()}",
        }

    def run(self, work: Path, on_progress: OnProgress) -> None:
        self.measure(self.kit(on_progress), on_progress)

    def kit(self, on_progress: OnProgress = silent) -> ProbeKit:
        """The kit of the space, made here if it was not before."""
        from dna_deploy.export.kits.kit import KitPlan
        from dna_deploy.export.kits.kit_cache import cached_kit

        target, networks = self.target.target, max(KIT_NETWORKS, self.config.validation_networks)
        plan = KitPlan(self.seed, validation_networks=networks, batch=target.batch, precision=target.precision)
        return cached_kit(self.source.fitting_space, plan, on_progress)

    @property
    def folders(self) -> Folders:
        """Where raw runs and tables lie."""
        from dna_deploy.latency.workshop import Folders

        return Folders(self.profiles, self.table_file.parent)

    def measure_remotely(self, remote: Remote, kit: ProbeKit) -> Profiled:
        """The same of a kit that is measured on another machine."""
        from dna_deploy.latency.workshop import profile_space_remotely

        space, networks = self.source.fitting_space, self.config.validation_networks
        return profile_space_remotely(remote, kit, space, self.target, self.folders, networks, accept_noise=self.accepts_noise)

    def measure(self, kit: ProbeKit, on_progress: OnProgress = silent) -> Profiled:
        """The raw run of a kit, and the table made of it, as they were written."""
        from dna_deploy.latency.workshop import profile_space

        space, networks = self.source.fitting_space, self.config.validation_networks
        return profile_space(
            kit, space, self.target, self.folders, networks, accept_noise=self.accepts_noise, on_progress=on_progress
        )
