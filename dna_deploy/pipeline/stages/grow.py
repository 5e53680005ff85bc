"""Makes the winner of a round larger, and trains it to teach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.evolution import Growth
from dna_deploy.pipeline.images import ProjectImages
from dna_deploy.pipeline.pace import HEIR, training_s
from dna_deploy.pipeline.published import publish
from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.scaling import Scaling, grown
from dna_deploy.spaces.sections import Sections
from dna_deploy.training.config import TeacherConfig

if TYPE_CHECKING:
    from dna_deploy.nets.teachers.scaled import ScaledConfig


@dataclass(frozen=True)
class Grow:
    """The next teacher: the network of an outcome, grown, trained as ``config`` says, and called ``heir``."""

    config: TeacherConfig
    growth: Growth
    images: ProjectImages
    outcome_file: Path
    file: Path
    heir: str
    compute: Compute
    name: str = "grow"
    summary: str = "train it, made larger, to teach"

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.file,)

    @property
    def estimate_s(self) -> float:
        images = self.images.count(self.images.config.teacher_images)
        return training_s(self.config.for_images(images).recipe.epochs * images, HEIR, self.images.space)

    @property
    def shape(self) -> Sections:
        """The network, made larger."""
        space, growth = self.images.fitting_space, self.growth
        winner = SearchOutcome.read(self.outcome_file).network(space)
        return grown(space, winner, Scaling(growth.depth, growth.width, growth.resolution), growth.parameters)

    def inputs(self) -> Inputs:
        images = self.images.for_teacher
        return {
            "shape": self._scaled.model_dump_json(),
            "images": images.digest,
            "recipe": self.config.for_images(len(images.train)).recipe.model_dump_json(),
        }

    @property
    def _scaled(self) -> ScaledConfig:
        from dna_deploy.nets.teachers.scaled import ScaledConfig

        return ScaledConfig.for_space(self.images.fitting_space, self.shape)

    def run(self, work: Path, on_progress: OnProgress) -> None:
        from dna_deploy.training.teacher import train_scaled

        images = self.images.for_teacher
        recipe, name = self.config.for_images(len(images.train)).recipe, f"{self.heir} on {images.name}"
        made = train_scaled(self._scaled, recipe, images, work, name=name, on_progress=on_progress, compute=self.compute)
        publish(made, self.file)
