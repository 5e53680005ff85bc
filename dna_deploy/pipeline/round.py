"""One round of DNA+: rate with a teacher, search within the constraints, train the winner, make the next teacher of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.runner import Stage
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages.grow import Grow
from dna_deploy.pipeline.stages.rate import Rate
from dna_deploy.pipeline.stages.search import Bounds, Search
from dna_deploy.pipeline.stages.train import Train
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.sections import Sections
from dna_deploy.training.config import TrainingConfig


@dataclass(frozen=True)
class EvolutionRun:
    """The inputs of an evolution: settings, images, constraints of winners, and where files lie."""

    settings: Settings
    images: ProjectImages
    bounds: Bounds
    folder: Path


@dataclass(frozen=True)
class Round:
    """A round with its number, counted from 1, and its teacher's file."""

    evolution: EvolutionRun
    number: int
    teacher: Path

    @property
    def folder(self) -> Path:
        return self.evolution.folder / f"round-{self.number}"

    @property
    def outcome_file(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def heir_file(self) -> Path:
        return self.folder / "next-teacher.safetensors"

    @property
    def winner(self) -> Architecture:
        """What search found."""
        return SearchOutcome.read(self.outcome_file).network(self.evolution.images.space)

    @property
    def heir(self) -> Sections:
        """The winner made larger."""
        return self.grow.shape

    @cached_property
    def rate(self) -> Rate:
        settings, table = self.evolution.settings, self.folder / "ratings.json"
        return Rate(
            settings.method, settings.rate, self.evolution.images, self.teacher, table, settings.compute, f"rate-{self.number}"
        )

    @cached_property
    def search(self) -> Search:
        evolution, settings = self.evolution, self.evolution.settings
        return Search(
            evolution.images, self.rate, evolution.bounds, settings.shortlist, settings.prefer_cheaper, evolution.folder,
            self.outcome_file, f"search-{self.number}",
        )  # fmt: skip

    @cached_property
    def train(self) -> Train:
        settings, images = self.evolution.settings, self.evolution.images
        config = TrainingConfig(recipe=settings.train)
        return Train(config, images, self.outcome_file, self.teacher, self.folder, settings.compute, f"train-{self.number}")

    @cached_property
    def grow(self) -> Grow:
        settings, heir = self.evolution.settings, f"heir of round {self.number}"
        return Grow(
            settings.teacher, settings.evolve.growth, self.evolution.images, self.outcome_file, self.heir_file, heir,
            settings.compute, f"grow-{self.number}",
        )  # fmt: skip

    def finding_stages(self) -> tuple[Stage, ...]:
        """Up to the trained winner."""
        return (self.rate, self.search, self.train)

    def growing_stages(self) -> tuple[Stage, ...]:
        """From the winner to the next teacher."""
        return (self.grow,)
