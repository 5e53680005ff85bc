"""Trains the network that search chose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.pace import NETWORK, training_s
from dna_deploy.pipeline.published import publish, published_digest
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.training.config import RECORD, WEIGHTS, TrainingConfig

if TYPE_CHECKING:
    from dna_deploy.nets.teachers.teacher import Teacher
    from dna_deploy.records.trained_network import TrainedNetwork
    from dna_deploy.training.network import Start


@dataclass(frozen=True)
class Train:
    """The trained network of a search outcome: its record in ``folder``, and its weights beside it."""

    config: TrainingConfig
    images: ProjectImages
    outcome_file: Path
    teacher_file: Path | None
    folder: Path
    compute: Compute
    name: str = "train"
    summary: str = "train the chosen network"

    @property
    def record_file(self) -> Path:
        return self.folder / RECORD

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.folder / WEIGHTS, self.record_file)

    @property
    def estimate_s(self) -> float:
        images = self.images.count(self.images.config.train_images)
        return training_s(self.config.recipe.epochs * images, NETWORK, self.images.space)

    def inputs(self) -> Inputs:
        return {
            "architecture": SearchOutcome.read(self.outcome_file).best.architecture,
            "teacher": published_digest(self.teacher_file) if self.teacher_file else "none",
            "images": self.images.digest_input(self.images.config.train_images),
            "config": self.config.model_dump_json(),
        }

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.learning.history import FILE_NAME
        from dna_deploy.nets.teachers.teacher import load_teacher

        teacher = load_teacher(self.teacher_file) if self.teacher_file else None
        if teacher and teacher.classes != self.images.fitting_space.out_channels:  # it shapes blocks, but has no answers
            teacher = None
        line = SearchOutcome.read(self.outcome_file).best.architecture
        record = self.train(line, work, teacher=teacher, on_progress=on_progress)
        for name in (record.weights, RECORD, FILE_NAME):
            publish(work / name, self.folder / name)

    def train(
        self,
        line: str,
        work: Path,
        *,
        teacher: Teacher | None = None,
        start: Start | None = None,
        on_progress: OnProgress = silent,
    ) -> TrainedNetwork:
        """The record of an architecture trained in a folder of its own, in which it resumes."""
        from dna_deploy.training.network import train_architecture

        space = self.images.fitting_space
        return train_architecture(
            space, space.parse(line), self.images.for_training, self.config, work,
            teacher=teacher, start=start, on_progress=on_progress, compute=self.compute,
        )  # fmt: skip
