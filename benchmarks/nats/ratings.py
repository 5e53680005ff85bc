"""Makes ratings of the space on CIFAR-10 with the product's raters: tables of blocks, or scores of networks that were drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.nats.judge import Merit
from benchmarks.nats.teacher import resnet_teacher
from benchmarks.nats.truth import SPACE, Truth
from benchmarks.rows import add_rows, read_rows
from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import ImageData, load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import AdditiveRater, Rater, load_rater, make_rater
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.training.config import RESIDUAL, TeacherConfig
from dna_deploy.training.teacher import train_teacher

SETTINGS: dict[str, dict[str, Any]] = {
    "dna": {"epochs": 1, "batch": 4, "settled_top": 0},
    "dna++": {"epochs": 1, "batch": 16, "ensemble": 1, "rating_ensemble": 1, "settled_top": 0},
    "one-shot": {"epochs": 1, "calibration_images": 256},
    "cream": {"epochs": 1, "calibration_images": 256},
    "cream-top1": {"epochs": 1, "calibration_images": 256},
    "genas": {"epochs": 1, "calibration_images": 256},
    "setn": {"epochs": 1, "calibration_images": 256, "evaluator_every": 32},
    "ddpnas": {"epochs": 3, "batch": 4, "calibration_images": 256, "sweeps": 1, "judged": 32},
}
"""What differs from a method's defaults. Layers have no choice here, so that one path through a trunk is all paths.
DDPNAS trains 2,079 networks here even with one sweep a round; fewer steps are too few."""


@dataclass(frozen=True)
class Bench:
    """Where images, weights, checkpoints and ratings are, how much is trained, and on what machine."""

    cifar: Path
    resnet: Path | None
    work: Path
    kept: Path
    images: int
    rating_images: int
    sample: int
    compute: Compute

    def data(self) -> ImageData:
        """CIFAR-10, divided; test images are not used."""
        config = DataConfig(dataset=str(self.cifar), train_images=self.images, rating_images=self.rating_images)
        return load_data(config, SPACE.input)

    def teacher(self, data: ImageData) -> Teacher:
        """The given ResNet, or a residual network that is trained on the same images."""
        if self.resnet is not None:
            return resnet_teacher(self.resnet, data)
        config = TeacherConfig(name=RESIDUAL).for_images(len(data.train))
        return load_teacher(train_teacher(config, SPACE, data, self.work / "teacher", compute=self.compute))

    def rate(self, method: str, seed: int, truth: Truth, tell: Callable[[Progress], None]) -> Merit:
        """The rating of a method with a seed. What was made is read; what was begun goes on."""
        name = f"{method}, seed {seed}"
        table_file, score_file = (self.kept / f"{method}-{seed}.{ending}" for ending in ("json", "csv"))
        if table_file.exists():
            return Merit.of_table(name, RatingTable.read(table_file), truth)
        if not score_file.exists():
            begun, rater = time.process_time(), self._rater(method, seed)
            if isinstance(rater, AdditiveRater):
                self._without_paths(method, rater.table(tell)).write(table_file)
            else:
                self._score(rater, truth, score_file, tell)
            self._note(method, seed, rater, time.process_time() - begun)
            return self.rate(method, seed, truth, tell)
        rows = read_rows(score_file)
        positions = np.array([truth.position(SPACE.parse(row["network"])) for row in rows])
        return Merit(name, np.array([float(row["merit"]) for row in rows]), positions)

    def _without_paths(self, method: str, table: RatingTable) -> RatingTable:
        """The table with the command that makes it anywhere: what is kept names no folder of this machine."""
        command = f"python -m benchmarks.nats --methods {method} --images {self.images} --rating-images {self.rating_images}"
        return table.model_copy(update={"provenance": table.provenance.model_copy(update={"command": command})})

    def _rater(self, method: str, seed: int) -> Rater:
        kind, data = load_rater(method), self.data()
        config = kind.config.model_validate({**SETTINGS.get(method, {}), "seed": seed})
        teacher = self.teacher(data) if kind.needs.teacher else None
        return make_rater(method, SPACE, data, config, self.work, teacher=teacher, compute=self.compute, own_folder=True)

    def _score(self, rater: Rater, truth: Truth, file: Path, tell: Callable[[Progress], None]) -> None:
        drawn = np.random.default_rng(0).permutation(len(truth.accuracy))[: self.sample]
        networks = truth.networks(drawn.tolist())
        scores = rater.score(networks, tell)
        pairs = zip(networks, scores, strict=True)
        add_rows(file, [{"network": str(network), "merit": score.kind.merit_of(score.value)} for network, score in pairs])

    def _note(self, method: str, seed: int, rater: Rater, seconds: float) -> None:
        """A row of what it took; of a run that went on, the last part only."""
        teacher, settings = rater.work.teacher_label.partition(" (")[0], rater.work.config.model_dump_json()
        what = {"method": method, "seed": seed, "teacher": teacher, "device": self.compute.device}
        counts = {"images": self.images, "rating images": self.rating_images, "CPU seconds": round(seconds)}
        add_rows(self.kept / "costs.csv", [{**what, **counts, "settings": settings}])
