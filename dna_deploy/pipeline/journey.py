"""The journey: profile, teach, rate, search, train, export, verify. Each stage reads what earlier ones wrote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.runner import Stage
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages.export import Export
from dna_deploy.pipeline.stages.profile import Profile
from dna_deploy.pipeline.stages.rate import Rate
from dna_deploy.pipeline.stages.search import LatencyPromise, Search
from dna_deploy.pipeline.stages.teach import Teach
from dna_deploy.pipeline.stages.train import Train
from dna_deploy.pipeline.stages.verify import Verify
from dna_deploy.rating.configs import rater_needs
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.target_file import TargetFile, find_target
from dna_deploy.training.config import TrainingConfig


@dataclass(frozen=True)
class Journey:
    """One journey: its settings, and the folder where everything it makes lies.

    ``reproduce`` is the command that a model card names.
    """

    settings: Settings
    folder: Path
    profiles: Path = Path("profiles")
    reproduce: str = ""

    @cached_property
    def images(self) -> ProjectImages:
        return ProjectImages(self.settings.data, find_chain(self.settings.space))

    @cached_property
    def target(self) -> TargetFile:
        """The target, with the plan by which every stage measures."""
        file = find_target(self.settings.target, self.profiles)
        return self.settings.profile.applied_to(file, self.settings.quantile)

    @property
    def outcome_file(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def model_file(self) -> Path:
        return self.folder / "model" / self.export.model_file.name

    @cached_property
    def profile(self) -> Profile:
        settings, table = self.settings, f"{self.settings.space}.{self.settings.target}.json"
        return Profile(
            self.images, self.target, settings.profile, settings.seed, self.folder / "profiles",
            self.folder / "latency_tables" / table, accepts_noise=settings.profile.accept_noise is not False,
        )  # fmt: skip

    @cached_property
    def teach(self) -> Teach | None:
        """The stage that makes the teacher, where the method has one."""
        if not rater_needs(self.settings.method).teacher:
            return None
        file = self.folder / "teacher" / "teacher.safetensors"
        return Teach(self.settings.teacher, self.images, file, self.settings.compute, ready=self._check_latency)

    @property
    def teacher_file(self) -> Path | None:
        return self.teach.file if self.teach else None

    @cached_property
    def rate(self) -> Rate:
        settings, table = self.settings, self.folder / "ratings" / f"{self.settings.space}.json"
        return Rate(
            settings.method, settings.rate, self.images, self.teacher_file, table, settings.compute, ready=self._check_latency
        )

    def _check_latency(self) -> None:
        self.goal.check(self.images.fitting_space)

    @property
    def goal(self) -> LatencyPromise:
        """The latency that is asked for."""
        settings, table_file = self.settings, self.profile.table_file
        return LatencyPromise(settings.latency, settings.quantile, table_file, settings.keep_promise, self.target.plan)

    @cached_property
    def search(self) -> Search:
        settings = self.settings
        return Search(
            self.images, self.rate, self.goal, settings.shortlist, settings.prefer_cheaper, self.folder, self.outcome_file
        )

    @cached_property
    def train(self) -> Train:
        config, folder = TrainingConfig(recipe=self.settings.train), self.folder / "trained"
        return Train(config, self.images, self.outcome_file, self.teacher_file, folder, self.settings.compute)

    @cached_property
    def export(self) -> Export:
        folder = self.folder / "exported"
        return Export(
            self.images,
            self.train.record_file,
            self.outcome_file,
            self.profile.table_file,
            folder,
            self.target.target,
            self.reproduce,
        )

    def stages(self) -> tuple[Stage, ...]:
        """Every stage, in order."""
        teach = (self.teach,) if self.teach else ()
        verify = Verify(self.target, self.export.folder, self.model_file)
        return (self.profile, *teach, self.rate, self.search, self.train, self.export, verify)
