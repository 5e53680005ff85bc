"""What every experiment gets: the networks of a list, the images, a seed, a folder, and its teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rating.experiments import Experiment
from benchmarks.rating.truth import NetworkList
from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.work import BlockWork, block_work
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.training.accuracy import measure_accuracy

Scores = dict[str, list[float]]
"""By kind, one a network in the order of the list; more is better."""

RATED_IMAGES = 500
"""Of the rating slice, the same for every experiment."""


@dataclass
class Bench:
    """One run of one experiment. It sees the training images and the rating slice of the ground truth, never its validation or
    test images, and no accuracy of the ground truth."""

    experiment: Experiment
    listed: NetworkList
    data: ImageData
    seed: int
    work: Path
    """Where all experiments work; what one has trained for one list serves the others, since all are of the same images."""
    teacher_accuracy: float | None = field(default=None, init=False)

    @property
    def folder(self) -> Path:
        return self.folder_of(self.experiment.name)

    def folder_of(self, experiment: str) -> Path:
        """Where an experiment works with this seed."""
        return self.work / f"{experiment}-{self.seed}"

    @property
    def space(self) -> HeadedSpace:
        return self.listed.search_space

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        return self.listed.architectures

    @property
    def compute(self) -> Compute:
        return Compute(checkpoint_seconds=30)

    @property
    def config(self) -> RatingConfig:
        return RatingConfig(epochs=self.experiment.epochs, batch=self.experiment.batch, seed=self.seed)

    def judge(self, teacher: Teacher) -> Teacher:
        """Notes how good a teacher is."""
        self.teacher_accuracy = measure_accuracy(teacher.network, self.data.validation, self.data).value
        return teacher

    def block_work(self, teacher: Teacher, config: RatingConfig, folder: Path) -> BlockWork:
        """As `rate_space` makes it, so that the same folder serves both stages."""
        return block_work(self.space, teacher, self.data, config, folder, self.compute)
